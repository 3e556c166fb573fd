package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;

/** Every schedule of PyTorch, libtorch and optax that the golden files hold. */
class GoldenScheduleTest {
    private static final double TOLERANCE = 1e-12;

    @Test
    void pyTorch() {
        List<Case> cases = Golden.cases("schedules_pytorch.json");
        assertEquals(36, cases.size());
        cases.forEach(c -> check(c, c.op().equals("ReduceLROnPlateau") ? plateau(c) : pyTorch(c)));
    }

    /** Its StepLR is a step late: the two cases show by how much. */
    @Test
    void libtorch() {
        List<Case> cases = Golden.cases("schedules_libtorch.json");
        assertEquals(9, cases.size());
        for (Case c : cases) {
            if (c.op().equals("reduce_on_plateau")) {
                check(c, plateau(c));
            } else {
                Schedule step = Schedules.step(of(c, "lr"), (long) of(c, "step_size"), of(c, "gamma"));
                check(c, at -> step.rate(Math.max(0, at.step() - 1), at.steps()));
            }
        }
    }

    @Test
    void optax() {
        List<Case> cases = Golden.cases("schedules_optax.json");
        assertEquals(7, cases.size());
        cases.forEach(c -> check(c, optax(c)));
    }

    private static Schedule pyTorch(Case c) {
        double lr = of(c, "lr");
        return switch (c.op()) {
            case "StepLR" -> Schedules.step(lr, (long) of(c, "step_size"), of(c, "gamma"));
            case "MultiStepLR" -> Schedules.multiStep(lr, of(c, "gamma"), StreamSupport.stream(
                c.params().get("milestones").spliterator(), false).mapToLong(JsonNode::asLong).toArray());
            case "ConstantLR" -> Schedules.constant(lr * of(c, "factor"))
                .then((long) of(c, "total_iters"), Schedules.constant(lr));
            case "LinearLR" -> Schedules.linear(lr * of(c, "start_factor"), lr * of(c, "end_factor"),
                (long) of(c, "total_iters"));
            case "ExponentialLR" -> Schedules.exponential(lr, of(c, "gamma"));
            case "MultiplicativeLR" -> Schedules.exponential(lr, 0.9);
            case "PolynomialLR" -> Schedules.polynomial(lr, 0, of(c, "power"), (long) of(c, "total_iters"));
            case "CosineAnnealingLR" -> Schedules.cosineWave(lr, of(c, "eta_min"), (long) of(c, "T_max"));
            case "CosineAnnealingWarmRestarts" -> Schedules.warmRestarts(lr, of(c, "eta_min"), (long) of(c, "T_0"),
                (int) of(c, "T_mult"));
            case "LambdaLR" -> c.name().equals("inverse_time_decay") ? Schedules.inverseTime(lr, 0.25)
                : Schedules.inverseSquareRoot(lr, 5);
            case "SequentialLR" -> Schedules.warmup(5, 0.2, Schedules.cosineWave(lr, 0, 25));
            case "ChainedScheduler" -> Schedules.constant(0.5).then(4, Schedules.constant(1))
                .times(Schedules.exponential(lr, 0.9));
            case "CyclicLR" -> cyclical(c);
            case "OneCycleLR" -> oneCycle(c);
            default -> throw new AssertionError("no schedule for " + c.op());
        };
    }

    private static Schedule cyclical(Case c) {
        Cyclical cyclical = Schedules.cyclical(of(c, "base_lr"), of(c, "max_lr"), (long) of(c, "step_size_up"));
        if (c.params().has("step_size_down")) {
            cyclical = cyclical.down((long) of(c, "step_size_down"));
        }
        if (c.flag("cycle_momentum")) {
            cyclical = cyclical.momentum(of(c, "base_momentum"), of(c, "max_momentum"));
        }
        return switch (c.text("mode")) {
            case "triangular" -> cyclical;
            case "triangular2" -> cyclical.triangular2();
            case "exp_range" -> cyclical.expRange(of(c, "gamma"));
            default -> throw new AssertionError(c.text("mode"));
        };
    }

    private static Schedule oneCycle(Case c) {
        OneCycle cycle = Schedules.oneCycle(of(c, "max_lr")).rise(of(c, "pct_start"))
            .divisors(of(c, "div_factor"), of(c, "final_div_factor")).momentum(0.85, 0.95);
        cycle = c.text("anneal_strategy").equals("linear") ? cycle.linear() : cycle;
        return c.flag("three_phase") ? cycle.inThreePhases() : cycle;
    }

    private static Schedule optax(Case c) {
        return switch (c.name()) {
            case "warmup_cosine" -> Schedules.warmup(5, 0, Schedules.cosine(of(c, "peak_value"), of(c, "end_value"), 25));
            case "cosine" -> Schedules.cosine(0.1, 0.01, 20);
            case "exponential" -> Schedules.exponential(0.1, 0.5, 5);
            case "exponential_stair" -> Schedules.step(0.1, 5, 0.5);
            case "cosine_onecycle" -> Schedules.cosine(0.004, 0.1, 9).then(9, Schedules.cosine(0.1, 4e-7, 21));
            case "linear_onecycle" -> Schedules.linear(0.004, 0.1, 9).then(9, Schedules.linear(0.1, 0.004, 16))
                .then(25, Schedules.linear(0.004, 4e-7, 5));
            case "polynomial" -> Schedules.constant(0.1).then(5, Schedules.polynomial(0.1, 0.01, 2, 20));
            default -> throw new AssertionError("no schedule for " + c.name());
        };
    }

    private static ReduceOnPlateau plateau(Case c) {
        ReduceOnPlateau plateau = Schedules.reduceOnPlateau(of(c, "lr")).factor(of(c, "factor"))
            .patience((int) of(c, "patience")).cooldown((int) of(c, "cooldown")).minimum(of(c, "min_lr"))
            .epsilon(of(c, "eps")).signedThreshold();
        plateau = c.text("mode").equals("max") ? plateau.maximise("m") : plateau.minimise("m");
        return c.text("threshold_mode").equals("abs") ? plateau.absoluteThreshold(of(c, "threshold"))
            : plateau.relativeThreshold(of(c, "threshold"));
    }

    private static void check(Case c, Schedule schedule) {
        String result = c.expected().fieldNames().next();
        double[] expected = c.expected(result);
        double[] metric = c.inputs() != null && c.hasInput("metric") ? Golden.numbers(c.inputs().get("metric")) : null;
        double[] rates = new double[expected.length];
        double[] momenta = new double[expected.length];
        for (int i = 0; i < expected.length; i++) {
            Schedule.At at = new Schedule.At(i, expected.length, 1);
            if (metric != null) {
                double value = metric[i];
                schedule = schedule.afterEpoch(at, name -> value);
            }
            rates[i] = schedule.rate(at);
            momenta[i] = schedule.momentum(at);
        }
        expectClose(c + ", rate", expected, rates);
        if (c.expected().has("momentum_in_epoch")) {
            expectClose(c + ", momentum", c.expected("momentum_in_epoch"), momenta);
        } else {
            assertTrue(Arrays.stream(momenta).allMatch(Double::isNaN), c + " has no momentum of its own");
        }
    }

    private static void expectClose(String what, double[] expected, double[] actual) {
        double largest = Arrays.stream(expected).max().orElseThrow();
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], TOLERANCE * largest, what + " in step " + i);
        }
    }

    private static double of(Case c, String param) {
        return c.params().path(param).asDouble();
    }
}
