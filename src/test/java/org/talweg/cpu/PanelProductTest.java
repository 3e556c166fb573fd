package org.talweg.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.DenseShape;
import org.talweg.ops.HostDevice;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;
import org.talweg.testing.Sandbox;

/**
 * Products so large that their right operand is put in panels, split by columns or by rows, none a multiple of a panel, of
 * a vector or of the rows that are multiplied together. Where oneDNN has no panels the same holds of what takes their
 * place.
 */
class PanelProductTest {

    @ParameterizedTest
    @CsvSource({"267, 1031, 1009", "2111, 129, 1000", "321, 1090, 800"})
    void everySumOfIntegersIsExact(int batch, int outputs, int inputs) {
        Draw draw = new Draw(batch);
        float[] x = draw.integers(batch * inputs);
        float[] w = draw.integers(outputs * inputs);
        float[] dz = draw.integers(batch * outputs);
        float[] bias = draw.integers(outputs);
        Map<String, int[]> results = layer(2, batch, outputs, inputs, x, w, dz, bias);

        float[] z = new float[batch * outputs];
        for (int i = 0; i < batch; i++) {
            System.arraycopy(bias, 0, z, i * outputs, outputs);
        }
        multiplyAdd(x, inputs, 1, w, 1, inputs, z, batch, outputs, inputs);
        expect(z, results, "pre-activation");
        expect(z, i -> Math.max(z[i], 0), results, "relu");
        expect(z, i -> z[i] > 0 ? z[i] : z[i] * 0.5f, results, "leaky relu");

        float[] dx = new float[batch * inputs];
        multiplyAdd(dz, outputs, 1, w, inputs, 1, dx, batch, inputs, outputs);
        expect(dx, results, "dx");
        expect(dx, i -> x[i] > 0 ? dx[i] : 0, results, "dx of relu");
        expect(dx, i -> x[i] + dx[i], results, "dx added");

        float[] dw = new float[outputs * inputs];
        multiplyAdd(dz, 1, outputs, x, inputs, 1, dw, outputs, inputs, batch);
        expect(dw, results, "dw");
        expect(dw, i -> w[i] + dw[i], results, "dw added");
        float[] db = new float[outputs];
        double[] squares = new double[outputs];
        for (int i = 0; i < batch * outputs; i++) {
            db[i % outputs] += dz[i];
        }
        expect(db, results, "db");
        for (int i = 0; i < outputs * inputs; i++) {
            squares[i / inputs] += (double) dw[i] * dw[i];
        }
        expect(db, i -> (float) (squares[i] + (double) db[i] * db[i]), results, "squares");
    }

    @Test
    void bitsDoNotDependOnTheNumberOfThreads() {
        int batch = 267;
        int outputs = 1031;
        int inputs = 1009;
        Draw draw = new Draw(81);
        float[] x = draw.reals(batch * inputs, 1);
        float[] w = draw.reals(outputs * inputs, 1);
        float[] dz = draw.reals(batch * outputs, 1);
        float[] bias = draw.reals(outputs, 1);
        Map<String, int[]> one = layer(1, batch, outputs, inputs, x, w, dz, bias);
        for (int threads : new int[] {2, 3}) {
            Map<String, int[]> several = layer(threads, batch, outputs, inputs, x, w, dz, bias);
            one.forEach((name, bits) -> assertArrayEquals(bits, several.get(name), threads + " threads: " + name));
        }
    }

    @Test
    void largeProductsArePutInPanelsWhereTheProcessorHasWideVectors() throws IOException {
        boolean built = NativeProducts.class.getResource("native/linux-x86_64/libtalweg-cpu.so") != null;
        boolean wide = built && List.of(Files.readString(Path.of("/proc/cpuinfo")).split("\\s+"))
            .containsAll(List.of("avx512f", "avx512bw", "avx512vl", "avx512dq"));
        assertEquals(wide, NativeProducts.packs(267, 1031, 1009));
        assertFalse(NativeProducts.packs(64, 1 << 12, 1 << 12));
        assertFalse(NativeProducts.packs(1 << 12, 10, 1 << 14));
        assertFalse(NativeProducts.packs(256, 256, 256));
    }

    private static Map<String, int[]> layer(int threads, int batch, int outputs, int inputs, float[] xs, float[] ws,
                                            float[] gradients, float[] biases) {
        try (Device device = new HostDevice("cpu", "", CpuOps.create(threads), DType.FLOAT32)) {
            return Sandbox.run(device, (ops, memory) -> {
                Tensor x = memory.input(xs, batch, inputs);
                Tensor w = memory.input(ws, outputs, inputs);
                Tensor dz = memory.input(gradients, batch, outputs);
                Tensor bias = memory.input(biases, outputs);
                Map<String, Tensor> written = new LinkedHashMap<>();
                for (String name : new String[] {"relu", "leaky relu", "pre-activation"}) {
                    written.put(name, memory.output(batch, outputs));
                }
                for (String name : new String[] {"dx", "dx of relu"}) {
                    written.put(name, memory.output(batch, inputs));
                }
                written.put("dx added", memory.state(xs, batch, inputs));
                written.put("dw", memory.output(outputs, inputs));
                written.put("dw added", memory.state(ws, outputs, inputs));
                written.put("db", memory.output(outputs));
                written.put("squares", memory.output(ops.dense().squarePartials(new DenseShape(batch, outputs, inputs))));
                ops.dense().forward(x, null, w, bias, Activation.RELU, null, written.get("relu"));
                ops.dense().forward(x, null, w, bias, Activation.leakyRelu(0.5f), written.get("pre-activation"),
                    written.get("leaky relu"));
                ops.dense().backwardInput(dz, w, Activation.IDENTITY, null, false, written.get("dx"));
                ops.dense().backwardInput(dz, w, Activation.RELU, x, false, written.get("dx of relu"));
                ops.dense().backwardInput(dz, w, Activation.IDENTITY, null, true, written.get("dx added"));
                ops.dense().backwardWeights(x, null, dz, false, written.get("dw"), written.get("db"),
                    written.get("squares"), null);
                ops.dense().backwardWeights(x, null, dz, true, written.get("dw added"), null, null, null);
                return written;
            });
        }
    }

    /** C += A B, by rows of B, exact for small integers in any order. */
    private static void multiplyAdd(float[] a, int aRow, int aColumn, float[] b, int bRow, int bColumn, float[] c, int rows,
                                    int columns, int depth) {
        for (int m = 0; m < rows; m++) {
            for (int k = 0; k < depth; k++) {
                float factor = a[m * aRow + k * aColumn];
                for (int n = 0; n < columns; n++) {
                    c[m * columns + n] += factor * b[k * bRow + n * bColumn];
                }
            }
        }
    }

    private static void expect(float[] expected, Map<String, int[]> results, String name) {
        expect(expected, i -> expected[i], results, name);
    }

    private static void expect(float[] like, IntFunction<Float> expected, Map<String, int[]> results, String name) {
        int[] bits = results.get(name);
        assertEquals(like.length, bits.length, name);
        for (int i = 0; i < bits.length; i++) {
            if (expected.apply(i) != Float.intBitsToFloat(bits[i])) {
                assertEquals(expected.apply(i), Float.intBitsToFloat(bits[i]), name + "[" + i + "]");
            }
        }
    }
}
