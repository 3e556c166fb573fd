package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.TestDevice;

/** Softmax, normalisation and dropout against libtorch's. */
class GoldenLayerTest {

    private static List<Case> cases(int count, String... ops) {
        List<Case> cases = Golden.cases("layers.json").stream().filter(c -> Set.of(ops).contains(c.op())).toList();
        assertEquals(count, cases.size(), () -> "cases of " + String.join(", ", ops) + ": " + cases);
        return cases;
    }

    /** How a tensor [outer×middle×inner] becomes rows along the middle: the order that row-major rows have. */
    private record Along(int outer, int middle, int inner) {

        static Along last(int... shape) {
            int columns = shape[shape.length - 1];
            int all = 1;
            for (int extent : shape) {
                all *= extent;
            }
            return new Along(all / columns, columns, 1);
        }

        static Along dimension(int at, int... shape) {
            int outer = 1;
            int inner = 1;
            for (int i = 0; i < shape.length; i++) {
                outer *= i < at ? shape[i] : 1;
                inner *= i > at ? shape[i] : 1;
            }
            return new Along(outer, shape[at], inner);
        }

        int rows() {
            return outer * inner;
        }

        /** Index in the tensor of element {@code at} of the rows. */
        private int source(int at) {
            int row = at / middle;
            return (row / inner * middle + at % middle) * inner + row % inner;
        }

        float[] rows(float[] values) {
            float[] result = new float[values.length];
            for (int i = 0; i < result.length; i++) {
                result[i] = values[source(i)];
            }
            return result;
        }

        double[] rows(double[] values) {
            double[] result = new double[values.length];
            for (int i = 0; i < result.length; i++) {
                result[i] = values[source(i)];
            }
            return result;
        }
    }

    private static void expect(TestDevice on, Case c, Along along, Map<String, int[]> results, double tolerance) {
        results.forEach((name, bits) -> {
            double[] expected = c.expected(name);
            boolean whole = along != null && expected.length == along.rows() * along.middle;
            Golden.expectClose(on + ", " + c + ", " + name, whole ? along.rows(expected) : expected,
                Sandbox.floats(bits), tolerance);
        });
    }

    @OnEveryDevice
    void softmaxAndItsLogarithm(TestDevice on) {
        for (Case c : cases(4, "softmax", "log_softmax")) {
            int[] shape = c.shape("x");
            int dimension = (int) c.number("dim", -1);
            Along along = Along.dimension(dimension < 0 ? shape.length + dimension : dimension, shape);
            boolean log = c.op().equals("log_softmax");
            expect(on, c, along, Sandbox.run(on.device(), (ops, memory) -> {
                Tensor a = memory.output(along.rows(), along.middle);
                Tensor dz = memory.output(along.rows(), along.middle);
                ops.activation().softmax(memory.input(along.rows(c.floats("x")), along.rows(), along.middle), log, a);
                ops.activation().softmaxBackward(
                    memory.input(along.rows(c.floats("grad_out")), along.rows(), along.middle), a, log, false, dz);
                return Map.of("out", a, "grad_x", dz);
            }), Golden.FLOAT32_TOLERANCE);
        }
    }

    @OnEveryDevice
    void layerAndRmsNorm(TestDevice on) {
        for (Case c : cases(4, "layer_norm", "rms_norm")) {
            int columns = 1;
            for (int extent : c.list("normalized_shape")) {
                columns *= extent;
            }
            int n = columns;
            int rows = c.floats("x").length / n;
            // libtorch's own float32 is off by 5e-5 where rows are constant or their mean is large.
            double tolerance = c.name().contains("large_mean") ? 5e-4 : Golden.FLOAT32_TOLERANCE;
            expect(on, c, null, Sandbox.run(on.device(), (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                written.put("out", memory.output(rows, n));
                written.put("grad_x", memory.output(rows, n));
                Tensor x = memory.input(c.floats("x"), rows, n);
                Tensor w = c.hasInput("weight") ? memory.input(c.floats("weight"), n) : null;
                Tensor b = c.hasInput("bias") ? memory.input(c.floats("bias"), n) : null;
                Tensor dy = memory.input(c.floats("grad_out"), rows, n);
                Tensor mean = c.op().equals("rms_norm") ? null : memory.output(rows);
                Tensor inverse = memory.output(rows);
                ops.normalisation().layerNorm(x, w, b, c.number("eps", 0), mean, inverse, written.get("out"));
                ops.normalisation().layerNormBackwardInput(dy, x, w, mean, inverse, false, written.get("grad_x"));
                if (w != null) {
                    written.put("grad_weight", memory.output(n));
                    if (b != null) {
                        written.put("grad_bias", memory.output(n));
                    }
                    ops.normalisation().layerNormBackwardWeights(dy, x, mean, inverse, false,
                        written.get("grad_weight"), written.get("grad_bias"), null);
                }
                return written;
            }), tolerance);
        }
    }

    /** Images have a row for each pixel. */
    @OnEveryDevice
    void batchNorm(TestDevice on) {
        for (Case c : cases(4, "batch_norm")) {
            Along along = Along.dimension(1, c.shape("x"));
            int n = along.middle;
            int rows = along.rows();
            boolean training = c.flag("training");
            Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                written.put("out", memory.output(rows, n));
                written.put("grad_x", memory.output(rows, n));
                written.put("grad_weight", memory.output(n));
                written.put("grad_bias", memory.output(n));
                written.put("running_mean_after", memory.state(c.floats("running_mean"), n));
                written.put("running_var_after", memory.state(c.floats("running_var"), n));
                Tensor x = memory.input(along.rows(c.floats("x")), rows, n);
                Tensor w = memory.input(c.floats("weight"), n);
                Tensor mean = training ? memory.output(n) : written.get("running_mean_after");
                Tensor variance = training ? memory.output(n) : written.get("running_var_after");
                float epsilon = c.number("eps", 0);
                ops.normalisation().batchNorm(x, w, memory.input(c.floats("bias"), n), epsilon, training, mean,
                    variance, written.get("out"));
                ops.normalisation().batchNormBackward(memory.input(along.rows(c.floats("grad_out")), rows, n), x, w,
                    epsilon, training, mean, variance, false, written.get("grad_weight"), written.get("grad_bias"),
                    null, false, written.get("grad_x"));
                if (training) {
                    ops.normalisation().updateRunningStatistics(memory.input(new float[1], 1), mean, variance, rows,
                        c.number("momentum", 0), written.get("running_mean_after"), written.get("running_var_after"));
                }
                return written;
            });
            expect(on, c, along, results, Golden.FLOAT32_TOLERANCE);
        }
    }

    /**
     * libtorch's mask is its own, and ours another each step. So each element of both is followed until a step keeps it,
     * and must then be what libtorch has where it kept it too; what is dropped is 0.
     */
    @OnEveryDevice
    void dropoutInTraining(TestDevice on) {
        for (Case c : cases(3, "dropout")) {
            if (!c.flag("train")) {
                continue; // The identity: LayersTest runs it through a model.
            }
            float[] mask = c.floats("mask");
            for (String[] names : new String[][] {{"x", "out"}, {"grad_out", "grad_x"}}) {
                double[] expected = c.expected(names[1]);
                List<Integer> open = new ArrayList<>();
                for (int i = 0; i < mask.length; i++) {
                    if (mask[i] != 0) {
                        open.add(i);
                    }
                }
                for (int step = 0; !open.isEmpty(); step++) {
                    assertTrue(step < 100, on + ", " + c + ": never kept " + open);
                    int now = step;
                    float[] actual = Sandbox.floats(Sandbox.run(on.device(), (ops, memory) -> {
                        Tensor y = memory.output(mask.length);
                        ops.random().dropout(memory.input(c.floats(names[0]), mask.length), c.number("p", 0), 3, 1, 0,
                            memory.input(new int[] {now, 0}, 2), false, y);
                        return Map.of("y", y);
                    }).get("y"));
                    for (int i = 0; i < mask.length; i++) {
                        if (actual[i] != 0 && open.remove((Integer) i)) {
                            assertEquals(expected[i], actual[i], 1e-6 * Math.abs(expected[i]), on + ", " + c);
                        }
                    }
                }
            }
        }
    }
}
