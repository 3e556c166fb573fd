package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Dense;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.Schedule;
import org.talweg.optim.Schedules;
import org.talweg.tensor.Shape;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** A schedule that moves the momentum, followed step by step: one weight whose gradient is always −1. */
class ScheduledMomentumTest {
    private static final int STEPS = 9;
    private static final Dataset FAR = Dataset.regression("far", List.of("x"), new float[] {1}, List.of("y"),
        new float[] {1e6f});
    private static final Map<String, Schedule> SCHEDULES = new LinkedHashMap<>();

    static {
        SCHEDULES.put("one-cycle", Schedules.oneCycle(0.5).momentum(0.6, 0.95));
        SCHEDULES.put("one-cycle in three phases", Schedules.oneCycle(0.5).inThreePhases().momentum(0.6, 0.95));
        SCHEDULES.put("cyclical", Schedules.cyclical(0.1, 0.5, 3).momentum(0.6, 0.9));
        SCHEDULES.put("after a while", Schedules.constant(0.25).then(2, Schedules.cyclical(0.1, 0.5, 2).momentum(0.3, 0.9)));
    }

    /** What one step makes of the gradient −1. */
    private interface Rule {
        /** @param state two numbers, 0 at first */
        double move(int step, double rate, double momentum, double[] state);
    }

    private static double sgd(int step, double rate, double momentum, double[] state) {
        state[0] = step == 1 ? -1 : momentum * state[0] - 1;
        return -rate * state[0];
    }

    private static double nesterov(int step, double rate, double momentum, double[] state) {
        state[0] = step == 1 ? -1 : momentum * state[0] - 1;
        return -rate * (-1 + momentum * state[0]);
    }

    private static double velocity(int step, double rate, double momentum, double[] state) {
        return state[0] = momentum * state[0] + rate;
    }

    private static double adam(int step, double rate, double beta1, double[] state) {
        state[0] = beta1 * state[0] - (1 - beta1);
        return -rate * state[0] / (1 - Math.pow(beta1, step));
    }

    private static double rmsProp(int step, double rate, double momentum, double[] state) {
        state[0] = momentum * state[0] - 1 / Math.sqrt(1 - Math.pow(0.99f, step));
        return -rate * state[0];
    }

    @OnEveryDevice
    void eachStepTakesItsOwnMomentum(TestDevice on) {
        SCHEDULES.forEach((name, schedule) -> {
            follow(on, name, schedule, Optimizers.momentum(), ScheduledMomentumTest::sgd);
            follow(on, name, schedule, Optimizers.nesterov(), ScheduledMomentumTest::nesterov);
            follow(on, name, schedule, Optimizers.momentum().velocity(true), ScheduledMomentumTest::velocity);
            follow(on, name, schedule, Optimizers.adam(), ScheduledMomentumTest::adam);
            follow(on, name, schedule, Optimizers.rmsProp().momentum(0.9f).epsilon(0), ScheduledMomentumTest::rmsProp);
        });
    }

    private static void follow(TestDevice on, String name, Schedule schedule, Optimizer optimizer, Rule rule) {
        double[] expected = weights(schedule, optimizer, rule, false);
        double[] actual = trained(on.device(), schedule, optimizer);
        String what = on + ", " + name + ", " + optimizer;
        for (int i = 0; i < STEPS; i++) {
            assertEquals(expected[i], actual[i], 1e-5 * Math.abs(expected[i]), what + ", step " + (i + 1));
        }
        double[] constant = weights(schedule, optimizer, rule, true);
        assertTrue(Math.abs(constant[STEPS - 1] - expected[STEPS - 1]) > 1e-2 * expected[STEPS - 1],
            what + " ends where it would without: " + Arrays.toString(expected));
    }

    /** @param own whether the optimizer's momentum counts, whatever the schedule says */
    private static double[] weights(Schedule schedule, Optimizer optimizer, Rule rule, boolean own) {
        double[] weights = new double[STEPS];
        double[] state = new double[2];
        double weight = 0;
        for (int i = 0; i < STEPS; i++) {
            Schedule.At at = new Schedule.At(i, STEPS, 1);
            double momentum = schedule.momentum(at);
            weight += rule.move(i + 1, schedule.rate(at), own || Double.isNaN(momentum) ? optimizer.momentum() : momentum,
                state);
            weights[i] = weight;
        }
        return weights;
    }

    /** The weight after each step. */
    private static double[] trained(Device device, Schedule schedule, Optimizer optimizer) {
        List<Double> weights = new ArrayList<>();
        try (Model model = Sequential.builder(Shape.of(1)).layer(new Dense(1, Activation.IDENTITY, false)).build(device)) {
            model.setParameter("dense_1.weight", 0);
            Trainer.builder(model).loss(Losses.absoluteError()).optimizer(optimizer).schedule(schedule)
                .listeners(new Listener() {
                    @Override
                    public void onEpochEnd(EpochMetrics metrics) {
                        weights.add((double) model.parameterValues("dense_1.weight")[0]);
                    }
                }).build().fit(DataLoader.of(FAR, 1), STEPS);
        }
        return weights.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** An epoch of several steps has its rates and momenta in one table on the device. */
    @OnEveryDevice
    void oneTableHoldsTheMomentaOfManySteps(TestDevice on) {
        Schedule schedule = Schedules.oneCycle(0.5).momentum(0.6, 0.95);
        float[] ones = new float[STEPS];
        float[] far = new float[STEPS];
        Arrays.fill(ones, 1);
        Arrays.fill(far, 1e6f);
        Dataset rows = Dataset.regression("far", List.of("x"), ones, List.of("y"), far);
        try (Model model = Sequential.builder(Shape.of(1)).layer(new Dense(1, Activation.IDENTITY, false))
            .build(on.device())) {
            model.setParameter("dense_1.weight", 0);
            Trainer.builder(model).loss(Losses.absoluteError()).optimizer(Optimizers.momentum()).schedule(schedule).build()
                .fit(DataLoader.of(rows, 1), 1);
            double expected = weights(schedule, Optimizers.momentum(), ScheduledMomentumTest::sgd, false)[STEPS - 1];
            assertArrayEquals(new double[] {expected}, new double[] {model.parameterValues("dense_1.weight")[0]},
                1e-5 * expected, on.toString());
        }
    }

    @Test
    void anOptimizerWithoutMomentumIsRefused() {
        try (Device device = Devices.open("reference")) {
            for (Optimizer optimizer : List.of(Optimizers.sgd(), Optimizers.adagrad(), Optimizers.sgd().maximize())) {
                for (Schedule schedule : SCHEDULES.values()) {
                    String message = assertThrows(IllegalArgumentException.class,
                        () -> trained(device, schedule, optimizer)).getMessage();
                    assertTrue(message.startsWith("the schedule moves the momentum, and " + optimizer + " has none; give it "
                        + "some"), message);
                }
            }
            assertEquals(List.of(), device.liveAllocations());
        }
    }
}
