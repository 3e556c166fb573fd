package org.talweg.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.DenseShape;
import org.talweg.ops.HostDevice;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;
import org.talweg.testing.Sandbox;

/** What the contract's tests, which use small shapes, do not reach. */
class CpuOpsTest {

    /** Shapes and lengths large enough to be split, in parts of unequal size. */
    @Test
    void bitsDoNotDependOnTheNumberOfThreads() {
        Map<String, int[]> one = products(1);
        for (int threads : new int[] {2, 3, 7}) {
            Map<String, int[]> several = products(threads);
            one.forEach((name, bits) -> assertArrayEquals(bits, several.get(name), threads + " threads: " + name));
        }
    }

    private static Map<String, int[]> products(int threads) {
        Draw draw = new Draw(71);
        int batch = 131;
        int outputs = 257;
        int inputs = 601;
        int parameters = 300_001;
        float[] x = draw.reals(batch * inputs, 1);
        float[] w = draw.reals(outputs * inputs, 1);
        float[] dz = draw.reals(batch * outputs, 1);
        float[] p = draw.reals(parameters, 1);
        try (Device device = new HostDevice("cpu", "", CpuOps.create(threads), DType.FLOAT32)) {
            return Sandbox.run(device, (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                written.put("a", memory.output(batch, outputs));
                written.put("dx", memory.output(batch, inputs));
                written.put("dw", memory.output(outputs, inputs));
                written.put("db", memory.output(outputs));
                written.put("squares", memory.output(ops.dense().squarePartials(new DenseShape(batch, outputs, inputs))));
                written.put("partials", memory.output(ops.update().squarePartials(parameters)));
                Tensor weights = memory.input(w, outputs, inputs);
                Tensor gradient = memory.input(dz, batch, outputs);
                Tensor input = memory.input(x, batch, inputs);
                ops.dense().forward(input, null, weights, null, Activation.TANH, null, written.get("a"));
                ops.dense().backwardInput(gradient, weights, Activation.RELU, input, false, written.get("dx"));
                ops.dense().backwardWeights(input, null, gradient, false, written.get("dw"), written.get("db"),
                    written.get("squares"), null);
                ops.update().sumOfSquares(memory.input(p, parameters), written.get("partials"));
                return written;
            });
        }
    }

    /** The comparisons with the oracle go up to products of this size, so they tested oneDNN where it is. */
    @Test
    void largeProductsAreLeftToOneDnn() {
        boolean built = NativeProducts.class.getResource("native/linux-x86_64/libtalweg-cpu.so") != null;
        assertEquals(built, NativeProducts.pays(257, 257, 257));
        assertFalse(NativeProducts.pays(32, 1, 30));
    }

    @Test
    void oneWrittenLineNamesTheMachine() {
        try (Device device = new CpuDeviceProvider().open(0)) {
            assertEquals(Runtime.getRuntime().availableProcessors(),
                Integer.parseInt(device.description().substring(0, device.description().indexOf(' '))));
        }
    }
}
