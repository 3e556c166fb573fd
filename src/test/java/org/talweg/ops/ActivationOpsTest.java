package org.talweg.ops;

import java.util.Map;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Contract.Bound;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox.Operation;
import org.talweg.testing.TestDevice;

/** {@link ActivationOps}: RELU exact, the others within {@value #MAX_ULP} ULP. */
class ActivationOpsTest {
    private static final int MAX_ULP = 4;
    private static final double HALF_SPACING = 0x1p-24;
    /** Results below the normal range may be flushed by the exponential they come from. */
    private static final double UNDERFLOW = 2e-38;
    private static final float[] CORNERS = {0f, -0f, 1e-30f, -1e-30f, 1e-4f, -1e-4f, 1f, -1f, 5f, -5f, 9.1f, -9.1f, 20f,
        -20f, 88.8f, -88.8f, 104f, -104f, 1e10f, -1e10f, Float.MIN_VALUE, Float.NaN, Float.POSITIVE_INFINITY,
        Float.NEGATIVE_INFINITY};

    @OnEveryDevice
    void forwardMatches(TestDevice on) {
        Draw draw = new Draw(21);
        for (Activation f : Activation.values()) {
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
        for (Activation f : Activation.values()) {
            for (int[] shape : draw.shapes(1, 12, 1000)) {
                float[] saved = draw.reals(shape[0], f.saved() == Activation.Saved.OUTPUT ? 1 : 6);
                expectBackward(on, draw, f, draw.reals(shape[0], 3), saved);
            }
            expectBackward(on, draw, f, draw.reals(CORNERS.length, 3), CORNERS);
            expectBackward(on, draw, f, CORNERS, draw.reals(CORNERS.length, 1));
        }
    }

    @OnEveryDevice
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(23);
        float[] z = draw.reals(4099, 5);
        for (Activation f : Activation.values()) {
            Contract.checkSchedules(on, f + " of 4099", forward(f, z, false));
        }
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
        contract.expectWithin("a", switch (f) {
            case IDENTITY, RELU -> i -> 0;
            case TANH, SIGMOID -> i -> ulps(a[i]);
            // z Φ(z) far below zero inherits the absolute error of 1 + erf.
            case GELU -> i -> ulps(z[i]);
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
        Bound derivative = switch (f) {
            case IDENTITY, RELU -> i -> 0;
            // 1 − a² and the like are sums of terms of the order of one: their error is absolute.
            case TANH, SIGMOID, GELU -> i -> ulps(gradient[i]) * Math.max(1, Math.abs(saved[i] * saved[i]))
                + added.at(i);
        };
        contract.expectWithin("dz", derivative);
    }

    private static double ulps(float value) {
        return MAX_ULP * 2 * HALF_SPACING * Math.abs((double) value) + UNDERFLOW;
    }
}
