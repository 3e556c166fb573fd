package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Contract.Bound;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.Sandbox.Operation;
import org.talweg.testing.TestDevice;

/** {@link ActivationOps}: what chooses or multiplies once is exact, the others within {@value #MAX_ULP} ULP. */
class ActivationOpsTest {
    private static final int MAX_ULP = 4;
    private static final double HALF_SPACING = 0x1p-24;
    /** Results below the normal range may be flushed by the exponential they come from. */
    private static final double UNDERFLOW = 2e-38;
    /** Every kind, and other parameters. */
    private static final List<Activation> VARIANTS = Stream.concat(Activation.all().stream(), Stream.of(
        Activation.leakyRelu(0.2f), Activation.leakyRelu(0), Activation.elu(0.5f), Activation.elu(0),
        Activation.softplus(2, 20), Activation.softplus(0.7f, 3))).toList();
    private static final float[] CORNERS = {0f, -0f, 1e-30f, -1e-30f, 1e-4f, -1e-4f, 1f, -1f, 5f, -5f, 9.1f, -9.1f, 20f,
        -20f, 88.8f, -88.8f, 104f, -104f, 3f, -3f, 6f, -6f, 1e10f, -1e10f, Float.MIN_VALUE, Float.NaN, Float.POSITIVE_INFINITY,
        Float.NEGATIVE_INFINITY};

    @OnEveryDevice
    void forwardMatches(TestDevice on) {
        Draw draw = new Draw(21);
        for (Activation f : VARIANTS) {
            for (int[] shape : draw.shapes(1, 12, 1000)) {
                float[] z = draw.reals(shape[0], 8);
                boolean inPlace = draw.flag();
                expectForward(Contract.check(on, f + " of " + shape[0] + (inPlace ? " in place" : ""),
                    forward(f, z, inPlace)), f, z);
            }
            expectForward(Contract.check(on, f + " of corner cases", forward(f, CORNERS, false)), f, CORNERS);
        }
    }

    @OnEveryDevice
    void backwardMatches(TestDevice on) {
        Draw draw = new Draw(22);
        for (Activation f : VARIANTS) {
            for (int[] shape : draw.shapes(1, 12, 1000)) {
                float[] saved = draw.reals(shape[0], f.saved() == Activation.Saved.OUTPUT ? 1 : 6);
                expectBackward(on, draw, f, draw.reals(shape[0], 3), saved);
            }
            expectBackward(on, draw, f, draw.reals(CORNERS.length, 3),
                f.kind() == Activation.Kind.LOG_SIGMOID ? negative(CORNERS) : CORNERS);
            expectBackward(on, draw, f, CORNERS, draw.reals(CORNERS.length, 1));
        }
    }

    @OnEveryDevice
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(23);
        float[] z = draw.reals(4099, 5);
        for (Activation f : VARIANTS) {
            Contract.checkSchedules(on, f + " of 4099", forward(f, z, false));
        }
    }

    private static Operation softmax(float[] z, int[] shape, boolean log, boolean inPlace) {
        return (ops, memory) -> {
            Tensor input = inPlace ? memory.state(z, shape) : memory.input(z, shape);
            Tensor output = inPlace ? input : memory.output(shape);
            ops.activation().softmax(input, log, output);
            return Map.of("a", output);
        };
    }

    private static Operation softmaxBackward(float[] g, float[] a, int[] shape, boolean log, boolean accumulate,
                                             float[] old) {
        return (ops, memory) -> {
            Tensor dz = memory.stateOrOutput(accumulate, old, shape);
            ops.activation().softmaxBackward(memory.input(g, shape), memory.input(a, shape), log, accumulate, dz);
            return Map.of("dz", dz);
        };
    }

    /** Rows of one to beyond a block, values near and far, one row with what is not finite. */
    @OnEveryDevice
    void softmaxMatches(TestDevice on) {
        Draw draw = new Draw(24);
        List<int[]> shapes = draw.shapes(2, 12, 20_000);
        shapes.add(new int[] {2, 1500});
        for (int[] shape : shapes) {
            int n = shape[0] * shape[1];
            for (boolean log : new boolean[] {false, true}) {
                String label = (log ? "log softmax " : "softmax ") + shape[0] + "×" + shape[1];
                float[] z = draw.reals(n, draw.flag() ? 3 : 100);
                Contract forward = Contract.check(on, label, softmax(z, shape, log, draw.flag()));
                float[] a = forward.expected("a");
                // The exponential turns the rounding of z - max, up to 200, into a relative error.
                forward.expectWithin("a", i -> log ? 300 * HALF_SPACING + ulps(a[i])
                    : 200 * ulps(a[i]) + UNDERFLOW);
                float[] g = draw.reals(n, 1);
                float[] old = draw.reals(n, 1);
                boolean accumulate = draw.flag();
                Contract.check(on, label + " backward", softmaxBackward(g, a, shape, log, accumulate, old))
                    .expectWithin("dz", i -> HALF_SPACING * (8 + 4 * Math.sqrt(shape[1])));
                float[] odd = draw.withNonFinite(z);
                Contract.check(on, label + " of NaN and infinities", softmax(odd, shape, log, false))
                    .expectWithin("a", i -> log ? 300 * HALF_SPACING * 2 : 1e-4);
            }
        }
        int[] shape = {5, 1100};
        float[] z = draw.reals(5500, 4);
        Contract.checkSchedules(on, "softmax 5×1100", softmax(z, shape, false, false));
        Contract.checkSchedules(on, "softmax backward 5×1100", softmaxBackward(z, z, shape, false, false, null));
    }

    /** Rows sum to one, their gradients to zero, and adding a number to a row changes nothing. */
    @OnEveryDevice
    void softmaxKeepsItsInvariants(TestDevice on) {
        Draw draw = new Draw(25);
        for (int[] shape : draw.shapes(2, 12, 20_000)) {
            float[] z = draw.reals(shape[0] * shape[1], 8);
            float[] shifted = new float[z.length];
            for (int i = 0; i < z.length; i++) {
                z[i] = Math.round(z[i] * 64) / 64f;
                shifted[i] = z[i] + 1000;
            }
            float[] a = run(on, softmax(z, shape, false, false), "a");
            float[] g = draw.reals(a.length, 1);
            float[] dz = run(on, softmaxBackward(g, a, shape, false, false, null), "dz");
            for (int row = 0; row < shape[0]; row++) {
                assertEquals(1, rowSum(a, row, shape[1]), 1e-6, on + ": sum of row " + row);
                assertEquals(0, rowSum(dz, row, shape[1]), 1e-6, on + ": sum of the gradient of row " + row);
            }
            assertArrayEquals(a, run(on, softmax(shifted, shape, false, false), "a"), on + ": shifted rows");
        }
    }

    private static float[] run(TestDevice on, Operation operation, String name) {
        return Sandbox.floats(Sandbox.run(on.device(), operation).get(name));
    }

    private static double rowSum(float[] values, int row, int columns) {
        double sum = 0;
        for (int j = 0; j < columns; j++) {
            sum += values[row * columns + j];
        }
        return sum;
    }

    private static Operation forward(Activation f, float[] z, boolean inPlace) {
        return (ops, memory) -> {
            Tensor input = inPlace ? memory.state(z, z.length) : memory.input(z, z.length);
            Tensor output = inPlace ? input : memory.output(z.length);
            ops.activation().forward(input, f, output);
            return Map.of("a", output);
        };
    }

    private static void expectForward(Contract contract, Activation f, float[] z) {
        float[] a = contract.expected("a");
        contract.expectWithin("a", switch (f.kind()) {
            case IDENTITY, RELU, RELU6, LEAKY_RELU -> i -> 0;
            case TANH, SIGMOID, ELU, SELU, HARDSIGMOID, LOG_SIGMOID -> i -> ulps(a[i]);
            case SILU -> i -> ulps(a[i]) + Math.min(104, Math.abs(z[i])) * UNDERFLOW;
            // The rounding of βz, however large, is one of the exponential's relative error.
            case SOFTPLUS -> i -> ulps(a[i]) * Math.max(1, Math.min(104, Math.abs(f.p() * z[i])) / 2);
            case MISH -> i -> 2 * ulps(a[i]);
            // z Φ(z) far below zero inherits the absolute error of its argument; z + 3 that of 3.
            case GELU, GELU_TANH, HARDSWISH -> i -> ulps(z[i]);
        });
    }

    private static void expectBackward(TestDevice on, Draw draw, Activation f, float[] gradient, float[] saved) {
        boolean accumulate = draw.flag();
        boolean inPlace = !accumulate && draw.flag();
        float[] old = draw.reals(gradient.length, 2);
        int n = gradient.length;
        Contract contract = Contract.check(on, "backward of " + f + " of " + n + (accumulate ? ", accumulate" : "")
            + (inPlace ? ", in place" : ""), (ops, memory) -> {
                Tensor da = inPlace ? memory.state(gradient, n) : memory.input(gradient, n);
                Tensor dz = inPlace ? da : memory.stateOrOutput(accumulate, old, n);
                Tensor s = f.saved() == Activation.Saved.NOTHING ? null : memory.input(saved, n);
                ops.activation().backward(da, f, s, accumulate, dz);
                return Map.of("dz", dz);
            });
        float[] dz = contract.expected("dz");
        Bound added = i -> accumulate ? 2 * HALF_SPACING * Math.abs(dz[i]) : 0;
        Bound derivative = switch (f.kind()) {
            case IDENTITY, RELU, RELU6 -> i -> 0;
            case LEAKY_RELU, HARDSIGMOID -> i -> accumulate ? ulps(gradient[i]) + added.at(i) : 0;
            // 1 − a² and the like are sums of terms of the order of one: their error is absolute.
            case TANH, SIGMOID, GELU, ELU, SELU, GELU_TANH, SILU, SOFTPLUS, MISH, HARDSWISH, LOG_SIGMOID ->
                i -> ulps(gradient[i]) * Math.max(1, Math.abs(saved[i] * saved[i])) + added.at(i);
        };
        contract.expectWithin("dz", derivative);
    }

    /** An output of log sigmoid has no other sign. */
    private static float[] negative(float[] values) {
        float[] result = Draw.absolute(values);
        for (int i = 0; i < result.length; i++) {
            result[i] = -result[i];
        }
        return result;
    }

    private static double ulps(float value) {
        return MAX_ULP * 2 * HALF_SPACING * Math.abs((double) value) + UNDERFLOW;
    }
}
