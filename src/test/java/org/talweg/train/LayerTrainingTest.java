package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.data.DataLoader;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Dense;
import org.talweg.nn.Dropout;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.optim.Optimizers;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.SoftwareDevice;
import org.talweg.testing.TestDevice;

/** Training with dropout, normalisation and residual blocks: graphs are replayed, masks change, statistics move. */
class LayerTrainingTest {
    private static final Split IRIS = Datasets.builtIn("iris").shuffle(1).split(0.8);
    private static final Scaler SCALER = Scaler.standard().fit(IRIS.train());

    private record Outcome(List<StepMetrics> steps, List<float[]> values, double accuracy) {
    }

    private static Sequential everyLayer() {
        return Sequential.builder(IRIS.train().inputShape()).seed(3)
            // Without a bias, whose gradient before a batch norm is rounding errors alone.
            .layer(new Dense(12, Activation.IDENTITY, false)).batchNorm().activation(Activation.LEAKY_RELU).dropout(0.2f)
            .residual(b -> b.layerNorm().dense(8, Activation.SILU).dense(12, Activation.IDENTITY).dropout(0.1f))
            .rmsNorm().dense(3).describe();
    }

    private static Outcome train(Device device, Sequential description, int epochs) {
        List<StepMetrics> steps = new ArrayList<>();
        Listener recorder = new Listener() {
            @Override
            public void onSteps(List<StepMetrics> taken) {
                steps.addAll(taken);
            }
        };
        try (Model model = description.build(device)) {
            Trainer trainer = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.adam().learningRate(0.01f)).listeners(recorder).build();
            trainer.fit(DataLoader.of(SCALER.apply(IRIS.train()), 25).shuffled(4), epochs);
            List<float[]> values = new ArrayList<>();
            model.parameterNames().forEach(name -> values.add(model.parameterValues(name)));
            model.stateNames().forEach(name -> values.add(model.parameterValues(name)));
            return new Outcome(steps, values,
                trainer.evaluate(DataLoader.of(SCALER.apply(IRIS.validation()), 50)).accuracy());
        }
    }

    @OnEveryDevice
    void learnsAndIsTheSameTwice(TestDevice on) {
        Outcome first = train(on.device(), everyLayer(), 20);
        Outcome second = train(on.device(), everyLayer(), 20);
        assertTrue(first.accuracy >= 0.9, on + ": accuracy " + first.accuracy);
        expectSame(on.toString(), first, second);
        // Running statistics come last: they left their first values, 0 and 1.
        float[] variance = first.values.get(first.values.size() - 1);
        for (float value : variance) {
            assertTrue(value > 0 && value != 1, on + ": running variance " + value);
        }
    }

    /** The same masks and statistics on every backend, replay after replay. */
    @OnEveryDevice
    void theFirstStepsAreThoseOfTheReference(TestDevice on) {
        Outcome expected = train(TestDevice.oracle(), everyLayer(), 2);
        Outcome actual = train(on.device(), everyLayer(), 2);
        for (int i = 0; i < expected.steps.size(); i++) {
            assertEquals(expected.steps.get(i).loss(), actual.steps.get(i).loss(), 1e-4, on + ": loss of step " + i);
            assertEquals(expected.steps.get(i).gradientNorm(), actual.steps.get(i).gradientNorm(),
                1e-3 * expected.steps.get(i).gradientNorm(), on + ": gradient norm of step " + i);
        }
        for (int i = 0; i < expected.values.size(); i++) {
            assertArrayEquals(expected.values.get(i), actual.values.get(i), 1e-3f, on + ": tensor " + i);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void theOrderOfBlocksAndWarpsDoesNotMatter(long seed) {
        TestDevice on = TestDevice.accelerator();
        Device device = on.device();
        Assumptions.assumeTrue(on.isSoftware(), "a real GPU orders blocks as it likes");
        Outcome inOrder = train(device, everyLayer(), 2);
        SoftwareDriver.scheduleSeed(seed);
        try {
            expectSame("schedule " + seed, inOrder, train(device, everyLayer(), 2));
        } finally {
            SoftwareDevice.restoreSettings();
        }
    }

    /** With no learning at all, only the mask can change the loss of the same batch from step to step. */
    @OnEveryDevice
    void everyStepDrawsAnotherMask(TestDevice on) {
        Sequential description = Sequential.builder(IRIS.train().inputShape()).seed(3).layer(new Dropout(0.5f))
            .dense(3).describe();
        List<StepMetrics> steps = new ArrayList<>();
        try (Model model = description.build(on.device())) {
            Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.sgd().learningRate(0))
                .listeners(new Listener() {
                    @Override
                    public void onSteps(List<StepMetrics> taken) {
                        steps.addAll(taken);
                    }
                }).build().fit(DataLoader.of(IRIS.train(), IRIS.train().rows()), 6);
        }
        for (int i = 1; i < steps.size(); i++) {
            assertNotEquals(steps.get(i - 1).loss(), steps.get(i).loss(), on + ": steps " + i + " and the one before");
        }
    }

    private static void expectSame(String label, Outcome first, Outcome second) {
        assertEquals(first.steps, second.steps, label);
        for (int i = 0; i < first.values.size(); i++) {
            assertArrayEquals(first.values.get(i), second.values.get(i), label + ": tensor " + i);
        }
    }
}
