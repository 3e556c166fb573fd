package org.talweg.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.Segment;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** What an optimizer saves is all that it remembers: another one goes on from there with the same bits. */
class SavedStateTest {
    private static final int LENGTH = 12;
    private static final ParameterLayout LAYOUT = new ParameterLayout(LENGTH, List.of(
        new Segment("weight", 0, Shape.of(2, 3), 0.5f, 1, false), new Segment("bias", 8, Shape.of(2), 1, 0, false)));
    static final List<Optimizer> ALL = List.of(Optimizers.sgd(), Optimizers.momentum(), Optimizers.nesterov(),
        Optimizers.momentum().velocity(true), Optimizers.adagrad(), Optimizers.rmsProp(),
        Optimizers.rmsProp().centered(true).momentum(0.9f), Optimizers.adadelta(), Optimizers.adam(),
        Optimizers.amsgrad(), Optimizers.adamW(), Optimizers.adamax(), Optimizers.nadam(), Optimizers.radam(),
        Optimizers.lion(), Optimizers.scheduleFree(), Optimizers.lamb(), Optimizers.prodigy(), Optimizers.muon());

    @OnEveryDevice
    void aStepperGoesOnBitForBit(TestDevice on) {
        for (Optimizer optimizer : ALL) {
            Random random = new Random(7);
            try (Vectors through = new Vectors(on.device()); Vectors resumed = new Vectors(on.device());
                Stepper first = new Stepper(optimizer, on.device(), LAYOUT, Clip.byParameterNorm(1));
                Stepper second = new Stepper(optimizer, on.device(), LAYOUT, Clip.byParameterNorm(1))) {
                through.set(random);
                step(first, through, new Random(1), 4);
                SavedState saved = first.save();
                on.device().upload(through.parameters(), resumed.parameters);
                second.restore(saved);
                step(first, through, new Random(2), 4);
                step(second, resumed, new Random(2), 4);
                assertArrayEquals(through.parameters(), resumed.parameters(), optimizer.toString());
                assertArrayEquals(numbers(first.save()), numbers(second.save()), optimizer.toString());
                first.beforeEvaluation();
                second.beforeEvaluation();
                assertArrayEquals(through.parameters(), resumed.parameters(), optimizer + ", to be evaluated");
            }
        }
    }

    /** The third step's gradients are not finite: what was skipped counts too. */
    private static void step(Stepper stepper, Vectors vectors, Random random, int steps) {
        for (int i = 0; i < steps; i++) {
            float[] gradients = new float[LENGTH];
            for (int k : new int[] {0, 1, 2, 3, 4, 5, 8, 9}) {
                gradients[k] = i == 2 ? Float.NaN : (float) random.nextGaussian();
            }
            vectors.device.upload(gradients, vectors.gradients);
            stepper.step(vectors.parameters, vectors.gradients, 0.1f);
        }
    }

    private static double[] numbers(SavedState saved) {
        return saved.numbers().values().stream().mapToDouble(Double::doubleValue).toArray();
    }

    @OnEveryDevice
    void lbfgsGoesOnBitForBit(TestDevice on) {
        Device device = on.device();
        Lbfgs settings = Optimizers.lbfgs().maxIterations(3).history(4);
        Lbfgs.Objective bowl = (p, g) -> {
            float[] x = new float[LENGTH];
            device.download(p, x);
            double loss = 0;
            for (int i = 0; i < LENGTH; i++) {
                loss += (i + 1) * Math.pow(x[i] - i, 4);
                x[i] = (float) (4 * (i + 1) * Math.pow(x[i] - i, 3));
            }
            device.upload(x, g);
            return loss;
        };
        try (Vectors through = new Vectors(device); Vectors resumed = new Vectors(device);
            Minimizer first = settings.minimizer(device, LENGTH); Minimizer second = settings.minimizer(device, LENGTH)) {
            through.set(new Random(3));
            first.step(through.parameters, bowl);
            first.step(through.parameters, bowl);
            device.upload(through.parameters(), resumed.parameters);
            second.restore(first.save());
            for (int i = 0; i < 3; i++) {
                double expected = first.step(through.parameters, bowl);
                assertTrue(expected == second.step(resumed.parameters, bowl), "loss");
            }
            assertArrayEquals(through.parameters(), resumed.parameters());
        }
    }

    @Test
    void theStateOfAnotherOptimizerIsRefused() {
        try (Device device = Devices.open("reference");
            Stepper adam = Stepper.of(Optimizers.adam(), device, Shape.of(3));
            Stepper larger = Stepper.of(Optimizers.adam(), device, Shape.of(4));
            Stepper muon = Stepper.of(Optimizers.muon(), device, Shape.of(3))) {
            assertMessage("no vector 'Muon momentum', only [adam state 1, adam state 2]", () -> muon.restore(adam.save()));
            assertMessage("3 values of 'adam state 1', expected 4", () -> larger.restore(adam.save()));
            assertMessage("no number 'word 0'",
                () -> adam.restore(new SavedState(adam.save().vectors(), Map.of())));
        }
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }

    private static final class Vectors implements AutoCloseable {
        private final Device device;
        private final Tensor parameters;
        private final Tensor gradients;

        Vectors(Device device) {
            this.device = device;
            parameters = device.allocate(DType.FLOAT32, Shape.of(LENGTH), "parameters");
            gradients = device.allocate(DType.FLOAT32, Shape.of(LENGTH), "gradients");
        }

        void set(Random random) {
            float[] values = new float[LENGTH];
            for (int i = 0; i < LENGTH; i++) {
                values[i] = (float) random.nextGaussian();
            }
            device.upload(values, parameters);
        }

        float[] parameters() {
            float[] values = new float[LENGTH];
            device.download(parameters, values);
            return values;
        }

        @Override
        public void close() {
            parameters.buffer().close();
            gradients.buffer().close();
        }
    }
}
