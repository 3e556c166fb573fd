package org.talweg.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.talweg.nn.Initializers.Distribution;
import org.talweg.nn.Initializers.Fan;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.tape.Initializer;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** First values: statistics against libtorch's draws and against their formulas, orthogonality, the same on every device. */
class InitializersTest {
    private static final Device DEVICE = TestDevice.oracle();

    private static float[] draw(Device device, Initializer initializer, int... shape) {
        Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(shape), "weights");
        try {
            initializer.fill(device, tensor, 3, 1);
            float[] values = new float[(int) tensor.elements()];
            device.download(tensor, values);
            return values;
        } finally {
            tensor.buffer().close();
        }
    }

    private static double mean(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum / values.length;
    }

    private static double deviation(float[] values) {
        double squares = 0;
        for (float value : values) {
            squares += (double) value * value;
        }
        return Math.sqrt(squares / values.length);
    }

    private static double largest(float[] values) {
        double largest = 0;
        for (float value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    @Test
    void gainsAreLibtorchs() {
        Case c = Golden.cases("initializers.json").get(0);
        Map.of("linear", Activation.IDENTITY, "sigmoid", Activation.SIGMOID, "tanh", Activation.TANH, "relu",
            Activation.RELU, "leaky_relu_0.01", Activation.LEAKY_RELU, "leaky_relu_0.2", Activation.leakyRelu(0.2f),
            "leaky_relu_sqrt5", Activation.leakyRelu((float) Math.sqrt(5))).forEach((name, activation) ->
            assertEquals(c.expected(name)[0], Initializers.gain(activation), 1e-7, name));
        assertEquals(0.75, Initializers.gain(Activation.SELU));
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Initializers.gain(Activation.GELU)).getMessage()
            .startsWith("no gain is defined for gelu"));
    }

    /** libtorch's draws are other random numbers, so means and deviations agree as those of two samples do. */
    @Test
    void statisticsAreThoseOfLibtorchsDraws() {
        List<Case> cases = Golden.cases("initializers.json").stream()
            .filter(c -> c.op().equals("initialiser_statistics")).toList();
        assertEquals(2, cases.size());
        double relu = Initializers.gain(Activation.RELU);
        Map<String, Initializer> initializers = Map.of("xavier_uniform", Initializers.glorotUniform(),
            "xavier_normal", Initializers.glorotNormal(), "kaiming_uniform_fan_in_relu", Initializers.heUniform(),
            "kaiming_normal_fan_in_relu", Initializers.heNormal(), "kaiming_normal_fan_out_relu",
            Initializers.varianceScaling(relu, Fan.OUT, Distribution.NORMAL));
        for (Case c : cases) {
            initializers.forEach((name, initializer) -> {
                float[] values = draw(DEVICE, initializer, c.list("shape"));
                double expected = c.expected(name + "_std")[0];
                double error = expected / Math.sqrt(values.length);
                assertEquals(expected, deviation(values), 6 * error, c + ", deviation of " + name);
                assertEquals(c.expected(name + "_mean")[0], mean(values), 6 * error, c + ", mean of " + name);
                if (name.contains("uniform")) {
                    assertEquals(c.expected(name + "_largest_absolute")[0], largest(values), 1e-3 * expected,
                        c + ", limit of " + name);
                }
            });
        }
    }

    @Test
    void fansAndDistributionsHaveTheirDeviation() {
        for (Fan fan : Fan.values()) {
            double count = switch (fan) {
                case IN -> 200;
                case OUT -> 100;
                case AVERAGE -> 150;
            };
            for (Distribution distribution : Distribution.values()) {
                float[] values = draw(DEVICE, Initializers.varianceScaling(1.7, fan, distribution), 100, 200);
                double expected = 1.7 / Math.sqrt(count);
                assertEquals(expected, deviation(values), 0.02 * expected, fan + ", " + distribution);
                double limit = switch (distribution) {
                    case UNIFORM -> Math.sqrt(3);
                    case TRUNCATED_NORMAL -> 2 / 0.8796;
                    case NORMAL -> 6;
                };
                assertTrue(largest(values) <= limit * expected * 1.0001, fan + ", " + distribution);
            }
        }
        assertEquals(1 / Math.sqrt(200), deviation(draw(DEVICE, Initializers.lecunNormal(), 100, 200)), 1e-3);
        assertEquals(Math.sqrt(3.0 / 200), largest(draw(DEVICE, Initializers.lecunUniform(), 100, 200)), 1e-4);
    }

    @OnEveryDevice
    void theShorterSideIsOrthonormal(TestDevice on) {
        for (int[] shape : new int[][] {{1, 1}, {1, 7}, {7, 1}, {5, 5}, {64, 100}, {129, 33}, {4, 3, 2, 2}}) {
            float[] values = draw(on.device(), Initializers.orthogonal(1.5), shape);
            int rows = shape[0];
            int columns = values.length / rows;
            boolean wide = rows < columns;
            for (int i = 0; i < Math.min(rows, columns); i++) {
                for (int j = 0; j <= i; j++) {
                    double dot = 0;
                    for (int k = 0; k < Math.max(rows, columns); k++) {
                        dot += wide ? (double) values[i * columns + k] * values[j * columns + k]
                            : (double) values[k * columns + i] * values[k * columns + j];
                    }
                    assertEquals(i == j ? 2.25 : 0, dot, 1e-6, on + ", " + Arrays.toString(shape) + ": " + i + ", " + j);
                }
            }
        }
    }

    /** Drawn on the host, so to the last bit. */
    @OnEveryDevice
    void orthogonalAndTruncatedValuesAreTheSameOnEveryDevice(TestDevice on) {
        for (Initializer initializer : List.of(Initializers.orthogonal(1),
            Initializers.truncatedNormal(1, 2, -0.5f, 3))) {
            assertArrayEquals(draw(TestDevice.oracle(), initializer, 9, 31), draw(on.device(), initializer, 9, 31));
        }
    }

    @Test
    void truncatedNormalsStayInside() {
        float[] values = draw(DEVICE, Initializers.truncatedNormal(1, 2, -0.5f, 3), 200, 100);
        for (float value : values) {
            assertTrue(value >= -0.5f && value <= 3);
        }
        // Mean of a normal distribution cut off at -0.75 and 1: 1 + 2 (φ(0.75) − φ(1)) / (Φ(1) − Φ(−0.75)).
        assertEquals(1 + 2 * (0.30113743 - 0.24197072) / (0.84134475 - 0.22662735), mean(values), 0.03);
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Initializers.truncatedNormal(0, 1, 5, 6))
            .getMessage().contains("cut off to [5.0, 6.0]"));
    }

    @Test
    void aLayerTakesTheInitialiserItIsGiven() {
        try (Model model = Sequential.builder(Shape.of(3)).dense(2, Activation.RELU, Initializers.constant(0.5f))
            .build(DEVICE)) {
            assertArrayEquals(new float[] {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f},
                model.parameterValues("dense_1.weight"));
        }
    }

    @Test
    void constantsAreExact() {
        for (float value : draw(DEVICE, Initializers.constant(0.25f), 3, 4)) {
            assertEquals(0.25f, value);
        }
        assertEquals(0, largest(draw(DEVICE, Initializers.zeros(), 5)));
        assertEquals(1, mean(draw(DEVICE, Initializers.ones(), 5)));
        assertNotEquals(draw(DEVICE, Initializers.normal(0, 1), 4)[0], draw(DEVICE, Initializers.normal(0, 1), 4)[1]);
    }
}
