package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.TANH;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Clip;
import org.talweg.optim.Lbfgs;
import org.talweg.optim.Minimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ParameterGroups;
import org.talweg.optim.Schedules;
import org.talweg.tape.Loss;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** L-BFGS in a trainer: an epoch is one call of the minimizer on all rows. */
class FullBatchTest {
    private static final Loss LOSS = Losses.softmaxCrossEntropy();
    private static final Lbfgs LBFGS = Optimizers.lbfgs().maxIterations(4).history(3);
    private static final Split IRIS = iris();

    private final Device device = Devices.open("cpu");

    @TempDir
    private Path folder;

    private static Split iris() {
        Split raw = Datasets.builtIn("iris").shuffle(3).split(0.7, 0.3);
        return Scaler.standard().fit(raw.train()).apply(raw);
    }

    @AfterEach
    void everythingIsFreed() {
        assertEquals(List.of(), device.liveAllocations());
        device.close();
    }

    private Model model() {
        return model(device);
    }

    private static Model model(Device device) {
        return Sequential.builder(IRIS.train().inputShape()).seed(1).dense(5, TANH).dense(3).build(device);
    }

    private static DataLoader all() {
        return DataLoader.of(IRIS.train(), IRIS.train().rows()).shuffled(9);
    }

    private static float[] parameters(Model model) {
        float[] values = new float[(int) model.parameters().elements()];
        model.device().download(model.parameters(), values);
        return values;
    }

    @OnEveryDevice
    void anEpochIsOneCallOfTheMinimizer(TestDevice on) {
        double[] losses = new double[3];
        double[] accuracies = new double[3];
        float[] expected;
        try (Model model = model(on.device()); FullBatch objective = new FullBatch(model, LOSS, IRIS.train());
             Minimizer minimizer = LBFGS.minimizer(on.device(), model.parameters().elements())) {
            for (int i = 0; i < losses.length; i++) {
                accuracies[i] = Evaluation.of(model, LOSS, DataLoader.of(IRIS.train(), 64)).accuracy();
                losses[i] = minimizer.step(model.parameters(), objective);
            }
            expected = parameters(model);
        }
        try (Model model = model(on.device())) {
            TrainingResult result = Trainer.builder(model).loss(LOSS).optimizer(LBFGS).build()
                .fit(all(), DataLoader.of(IRIS.validation(), 64), losses.length);
            assertArrayEquals(losses, result.history().stream().mapToDouble(EpochMetrics::loss).toArray(), 1e-6);
            assertArrayEquals(expected, parameters(model));
            assertArrayEquals(accuracies, result.history().stream().mapToDouble(EpochMetrics::accuracy).toArray(), 1e-6);
            assertTrue(losses[2] < losses[1] && losses[1] < losses[0], Arrays.toString(losses));
            assertTrue(result.last().valAccuracy() >= 0.9, result.last().toString());
            assertEquals(1, result.last().steps());
            assertTrue(result.last().gradientNorm() < result.history().get(0).gradientNorm(), result.toString());
        }
    }

    @Test
    void aRunGoesOnFromACheckpoint() throws IOException {
        float[] expected;
        try (Model model = model()) {
            Trainer.builder(model).loss(LOSS).optimizer(LBFGS).build().fit(all(), 6);
            expected = parameters(model);
        }
        try (Model model = model()) {
            Trainer.builder(model).loss(LOSS).optimizer(LBFGS).listeners(Checkpoints.in(folder)).build().fit(all(), 3);
        }
        try (Model model = model()) {
            Checkpoint from = Checkpoint.latest(folder).orElseThrow();
            TrainingResult result = Trainer.builder(model).loss(LOSS).optimizer(LBFGS).build().resume(from, all(), null, 6);
            assertEquals(6, result.history().size());
            assertArrayEquals(expected, parameters(model));
        }
    }

    @Test
    void frozenParametersStay() {
        try (Model model = model()) {
            float[] before = model.parameterValues("dense_1.weight");
            float[] last = model.parameterValues("dense_2.weight");
            TrainingResult result = Trainer.builder(model).loss(LOSS).optimizer(LBFGS)
                .parameterGroups(ParameterGroups.none().freeze("dense_1")).microBatch(20).build().fit(all(), 5);
            assertArrayEquals(before, model.parameterValues("dense_1.weight"));
            assertTrue(!Arrays.equals(last, model.parameterValues("dense_2.weight")));
            assertTrue(result.last().loss() < result.history().get(0).loss() / 2, result.toString());
        }
    }

    /** The gradient of a bias comes with that of its weights, which must not move them. */
    @Test
    void frozenWeightsStayWhereTheirBiasIsTrained() {
        try (Model model = model()) {
            float[] weights = model.parameterValues("dense_1.weight");
            float[] bias = model.parameterValues("dense_1.bias");
            Trainer.builder(model).loss(LOSS).optimizer(LBFGS).parameterGroups(ParameterGroups.none().freeze("weight")).build()
                .fit(all(), 3);
            assertArrayEquals(weights, model.parameterValues("dense_1.weight"));
            assertTrue(!Arrays.equals(bias, model.parameterValues("dense_1.bias")));
        }
    }

    /** Without a line search the first step is along the gradient, and as long as the schedule says. */
    @Test
    void aScheduleScalesTheSteps() {
        float[][] moved = new float[2][];
        for (int i = 0; i < 2; i++) {
            try (Model model = model()) {
                float[] before = parameters(model);
                Trainer.builder(model).loss(LOSS).optimizer(LBFGS.maxIterations(1).lineSearch(false))
                    .schedule(Schedules.constant(i == 0 ? 0.25 : 0.5)).build().fit(all(), 1);
                moved[i] = parameters(model);
                for (int j = 0; j < before.length; j++) {
                    moved[i][j] -= before[j];
                }
            }
        }
        for (int j = 0; j < moved[0].length; j++) {
            assertEquals(2 * moved[0][j], moved[1][j], 1e-6);
        }
    }

    @Test
    void aGradientThatIsNotFiniteChangesNothing() {
        Dataset broken = Dataset.regression("broken", List.of("x"), new float[] {1, Float.NaN}, List.of("y"),
            new float[] {1, 2});
        try (Model model = Sequential.builder(broken.inputShape()).seed(1).dense(1).build(device)) {
            float[] before = parameters(model);
            TrainingResult result = Trainer.builder(model).loss(Losses.squaredError()).optimizer(LBFGS).build()
                .fit(DataLoader.of(broken, 2), 3);
            assertTrue(result.stopReason().contains("every step was skipped"), result.stopReason());
            assertArrayEquals(before, parameters(model));
        }
    }

    @Test
    void whatItCannotDoIsSaid() {
        try (Model model = model()) {
            Trainer trainer = Trainer.builder(model).loss(LOSS).optimizer(LBFGS).build();
            assertMessage("not of batches of 32; use DataLoader.of(data, data.rows())",
                () -> trainer.fit(DataLoader.of(IRIS.train(), 32), 1));
            assertMessage("leave clipping out", () -> Trainer.builder(model).loss(LOSS).optimizer(LBFGS)
                .clip(Clip.byValue(1)).build().fit(all(), 1));
            assertMessage("there is no learning rate to look for", () -> LearningRateFinder.usual()
                .run(Trainer.builder(model).loss(LOSS).optimizer(LBFGS), all()));
        }
        try (Model model = Sequential.builder(IRIS.train().inputShape()).dense(4).batchNorm().dropout(0.1f).dense(3)
            .build(device)) {
            assertMessage("training changes batch_norm_1.weight, dropout from step to step", () -> Trainer.builder(model)
                .loss(LOSS).optimizer(LBFGS).build().fit(all(), 1));
        }
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
