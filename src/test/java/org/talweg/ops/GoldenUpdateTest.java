package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Iterator;
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

/** Twenty steps of each optimizer, and clipping by the global norm, against libtorch's. */
class GoldenUpdateTest {
    private static final Set<String> SGD = Set.of("lr", "lr_from_step_11", "momentum", "dampening", "nesterov",
        "weight_decay");
    private static final Set<String> ADAM = Set.of("lr", "lr_from_step_11", "beta1", "beta2", "eps", "weight_decay");

    /** Whether the contract knows every parameter of the case. */
    private static boolean supported(Case c) {
        Set<String> known = switch (c.op()) {
            case "sgd" -> SGD;
            case "adam", "adamw" -> ADAM;
            default -> Set.of();
        };
        for (Iterator<String> names = c.params().fieldNames(); names.hasNext();) {
            if (!known.contains(names.next())) {
                return false;
            }
        }
        return true;
    }

    @OnEveryDevice
    void optimizers(TestDevice on) {
        List<Case> cases = Golden.cases("optimizers.json").stream().filter(GoldenUpdateTest::supported).toList();
        assertEquals(15, cases.size(), "cases of supported optimizers: " + cases);
        for (Case c : cases) {
            check(on, c);
        }
    }

    private static void check(TestDevice on, Case c) {
        int steps = c.shape("grads")[0];
        int n = c.shape("start")[0];
        float[] gradients = c.floats("grads");
        float[] rates = new float[steps];
        for (int i = 0; i < steps; i++) {
            rates[i] = i < 10 ? c.number("lr", 0) : c.number("lr_from_step_11", c.params().get("lr").asDouble());
        }
        float beta1 = c.number("beta1", 0);
        float beta2 = c.number("beta2", 0);
        float momentum = c.number("momentum", 0);
        Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            StepState state = state(memory, rates);
            Tensor p = memory.state(c.floats("start"), n);
            Tensor m = memory.state(new float[n], n);
            Tensor v = memory.state(new float[n], n);
            Tensor partials = memory.output(ops.update().squarePartials(n));
            for (int i = 0; i < steps; i++) {
                Tensor g = memory.input(Arrays.copyOfRange(gradients, i * n, (i + 1) * n), n);
                ops.update().sumOfSquares(g, partials);
                ops.update().prepareStep(state, memory.input(new float[1], 1), null, partials, Float.POSITIVE_INFINITY, beta1,
                    beta2);
                if (c.op().equals("sgd")) {
                    ops.update().sgd(p, g, momentum == 0 ? null : m, state, momentum, c.number("dampening", 0),
                        c.flag("nesterov"), c.number("weight_decay", 0));
                } else {
                    ops.update().adam(p, g, m, v, state, beta1, beta2, c.number("eps", 0), c.number("weight_decay", 0),
                        c.op().equals("adamw"));
                }
                Tensor copy = memory.output(n);
                ops.data().copy(p, copy);
                written.put(String.valueOf(i), copy);
            }
            return written;
        });
        float[] all = new float[steps * n];
        for (int i = 0; i < steps; i++) {
            System.arraycopy(Sandbox.floats(results.get(String.valueOf(i))), 0, all, i * n, n);
        }
        Golden.expectClose(on + ", " + c, c.expected("params_after_step"), all);
    }

    /** With learning rate 1 and parameters 0, plain SGD leaves minus the clipped gradient. */
    @OnEveryDevice
    void clippingByTheGlobalNorm(TestDevice on) {
        List<Case> cases = Golden.cases("clipping.json").stream()
            .filter(c -> c.op().equals("clip_grad_norm") && c.text("norm_type").equals("2")).toList();
        assertEquals(6, cases.size(), "cases of clipping by the 2-norm: " + cases);
        for (Case c : cases) {
            float[] gradient = concatenate(c.floats("grad0"), c.floats("grad1"), c.floats("grad2"));
            int n = gradient.length;
            Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
                StepState state = state(memory, new float[] {1});
                Tensor partials = memory.output(ops.update().squarePartials(n));
                Tensor g = memory.input(gradient, n);
                Tensor p = memory.state(new float[n], n);
                ops.update().sumOfSquares(g, partials);
                ops.update().prepareStep(state, memory.input(new float[1], 1), null, partials, c.number("max_norm", 0), 0, 0);
                ops.update().sgd(p, g, null, state, 0, 0, false, 0);
                return Map.of("p", p, "log", state.log());
            });
            float norm = Sandbox.floats(results.get("log"))[StepState.LOG_GRADIENT_NORM];
            Golden.expectClose(on + ", " + c + ", norm", c.expected("total_norm"), new float[] {norm});
            double[] expected = concatenate(c.expected("clipped_grad0"), c.expected("clipped_grad1"),
                c.expected("clipped_grad2"));
            float[] actual = Sandbox.floats(results.get("p"));
            for (int i = 0; i < n; i++) {
                actual[i] = -actual[i];
                // Where libtorch spreads NaN, here the step is skipped.
                expected[i] = Float.isFinite(norm) ? expected[i] : 0;
            }
            Golden.expectClose(on + ", " + c + ", clipped gradient", expected, actual);
        }
    }

    private static StepState state(Sandbox memory, float[] rates) {
        return new StepState(memory.state(new int[StepState.COUNTERS], StepState.COUNTERS),
            memory.state(new float[StepState.CONTROLS], StepState.CONTROLS), memory.input(rates, rates.length),
            memory.output(rates.length, StepState.LOG_COLUMNS));
    }

    private static float[] concatenate(float[]... parts) {
        float[] result = new float[Arrays.stream(parts).mapToInt(part -> part.length).sum()];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, result, at, part.length);
            at += part.length;
        }
        return result;
    }

    private static double[] concatenate(double[]... parts) {
        return Arrays.stream(parts).flatMapToDouble(Arrays::stream).toArray();
    }
}
