package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.RELU;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
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
import org.talweg.optim.Optimizers;
import org.talweg.tensor.Shape;

/** The training loop, on the reference device: what it learns, reports, repeats, and frees. */
class TrainerTest {
    private final Device device = Devices.open("reference");

    @AfterEach
    void everythingIsFreed() {
        assertEquals(List.of(), device.liveAllocations());
        device.close();
    }

    @Test
    void learnsIris() {
        Split split = split("iris", 0.8);
        try (Model model = Sequential.builder(split.train().inputShape()).seed(1).dense(16, RELU).dense(3)
            .build(device)) {
            TrainingResult result = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.adam().learningRate(0.02f)).clip(Clip.byGlobalNorm(1)).build()
                .fit(DataLoader.of(split.train(), 32).shuffled(2), DataLoader.of(split.validation(), 7), 40);
            assertEquals(40, result.history().size());
            assertEquals("all 40 epochs done", result.stopReason());
            assertTrue(result.last().accuracy() >= 0.95, result.last().toString());
            assertTrue(result.last().valAccuracy() >= 0.9, result.last().toString());
            assertTrue(result.last().loss() < result.history().get(0).loss() / 4, result.last().toString());
        }
    }

    @Test
    void learnsDigits() {
        Split split = split("digits", 0.5);
        try (Model model = Sequential.builder(split.train().inputShape()).seed(1).dense(32, RELU).dense(10)
            .build(device)) {
            TrainingResult result = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.adamW().learningRate(0.005f)).build()
                .fit(DataLoader.of(split.train(), 32).shuffled(2), DataLoader.of(split.validation(), 500), 8);
            assertTrue(result.last().valAccuracy() >= 0.92, result.last().toString());
        }
    }

    @Test
    void learnsYesOrNo() {
        Split split = split("breast_cancer", 0.7);
        try (Model model = Sequential.builder(split.train().inputShape()).dense(1).build(device)) {
            TrainingResult result = Trainer.builder(model).loss(Losses.binaryCrossEntropyWithLogits())
                .optimizer(Optimizers.sgd().learningRate(0.1f).momentum(0.9f)).build()
                .fit(DataLoader.of(split.train(), 50).shuffled(2), DataLoader.of(split.validation(), 500), 20);
            assertTrue(result.last().valAccuracy() >= 0.95, result.last().toString());
        }
    }

    @Test
    void sameSeedsGiveTheSameBits() {
        assertArrayEquals(trainedWeights(42), trainedWeights(42));
        assertNotEquals(trainedWeights(42)[0], trainedWeights(43)[0]);
    }

    private float[] trainedWeights(long seed) {
        Dataset data = split("iris", 0.8).train();
        try (Model model = Sequential.builder(data.inputShape()).seed(5).dense(8, RELU).dense(3).build(device)) {
            Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam()).build()
                .fit(DataLoader.of(data, 50).shuffled(seed), 2);
            return model.parameterValues("dense_1.weight");
        }
    }

    /** Linear regression without scatter has gradients that can be followed by hand: y = w x, rows 1, 2, 3. */
    @Test
    void aPartialLastBatchIsAMeanOverItsOwnRows() {
        Dataset data = Dataset.regression("line", List.of("x"), new float[] {1, 2, 3}, List.of("y"),
            new float[] {2, 4, 6});
        try (Model model = Sequential.builder(Shape.of(1)).layer(
            new org.talweg.nn.Dense(1, org.talweg.ops.Activation.IDENTITY, false)).build(device)) {
            model.setParameter("dense_1.weight", 1);
            TrainingResult result = Trainer.builder(model).loss(Losses.squaredError())
                .optimizer(Optimizers.sgd().learningRate(0.125f)).build().fit(DataLoader.of(data, 2), 1);
            // Rows 1 and 2: loss (1 + 4) / 2, gradient 2 (−1·1 − 2·2) / 2 = −5, w = 1.625.
            // Row 3: error 3 · (−0.375) = −1.125, loss 1.265625, gradient −6.75, w = 2.46875.
            assertEquals(2.46875f, model.parameterValues("dense_1.weight")[0]);
            assertEquals((5 + 1.265625) / 3, result.last().loss(), 1e-7);
            assertEquals((5 + 6.75) / 2, result.last().gradientNorm(), 1e-6);
        }
    }

    @Test
    void aDataSetSmallerThanTheBatchIsOneBatch() {
        Dataset data = split("iris", 0.1).train();
        try (Model model = Sequential.builder(data.inputShape()).dense(3).build(device)) {
            TrainingResult result = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.sgd()).build().fit(DataLoader.of(data, 1000), 2);
            assertEquals(1, result.last().steps());
        }
    }

    @Test
    void memoryDoesNotGrowAfterPlanning() {
        Dataset data = split("iris", 0.8).train();
        List<Long> bytes = new ArrayList<>();
        Listener watcher = new Listener() {
            @Override
            public void onTrainBegin(Trainer trainer, int epochs, int stepsPerEpoch) {
                bytes.add(device.bytesAllocated());
            }

            @Override
            public void onEpochEnd(EpochMetrics metrics) {
                bytes.add(device.bytesAllocated());
            }
        };
        try (Model model = Sequential.builder(data.inputShape()).dense(8, RELU).dense(3).build(device)) {
            long before = device.bytesAllocated();
            Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam())
                .listeners(watcher).build().fit(DataLoader.of(data, 50), DataLoader.of(data, 70), 3);
            assertEquals(before, device.bytesAllocated());
        }
        assertEquals(4, bytes.size());
        assertEquals(1, bytes.stream().distinct().count(), bytes.toString());
    }

    @Test
    void everyStepIsReportedInOrder() {
        Dataset data = Datasets.builtIn("iris");
        List<StepMetrics> steps = new ArrayList<>();
        Listener collector = new Listener() {
            @Override
            public void onSteps(List<StepMetrics> chunk) {
                assertTrue(chunk.size() <= TrainingRun.CHUNK);
                steps.addAll(chunk);
            }
        };
        try (Model model = Sequential.builder(data.inputShape()).dense(3).build(device)) {
            Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.sgd())
                .schedule(at -> (at.step() + 1) / (double) at.steps()).listeners(collector).build()
                .fit(DataLoader.of(data, 1).shuffled(3), DataLoader.of(data, 150), 4);
        }
        assertEquals(600, steps.size());
        for (int i = 0; i < steps.size(); i++) {
            assertEquals(i, steps.get(i).step());
            assertEquals(1 + i / 150, steps.get(i).epoch());
            assertEquals((float) ((i + 1) / 600.0), steps.get(i).learningRate());
        }
    }

    @Test
    void anEpochOfSkippedStepsEndsTheTraining() {
        Dataset data = Dataset.regression("broken", List.of("x"), new float[] {1, Float.NaN, 3, 4}, List.of("y"),
            new float[] {2, 4, 6, 8});
        Dataset hopeless = data.select(1, 1);
        try (Model model = Sequential.builder(Shape.of(1)).dense(1).build(device)) {
            Trainer trainer = Trainer.builder(model).loss(Losses.squaredError()).optimizer(Optimizers.adam()).build();
            TrainingResult result = trainer.fit(DataLoader.of(data, 2), 3);
            assertEquals(3, result.skippedSteps());
            assertEquals(3, result.history().size());
            assertTrue(Double.isFinite(result.last().loss()), result.last().toString());
            float[] before = model.parameterValues("dense_1.weight");
            TrainingResult stopped = trainer.fit(DataLoader.of(hopeless, 2), 3);
            assertEquals(1, stopped.history().size());
            assertTrue(stopped.stopReason().contains("every step was skipped"), stopped.stopReason());
            assertTrue(Double.isNaN(stopped.last().loss()));
            assertArrayEquals(before, model.parameterValues("dense_1.weight"));
        }
    }

    @Test
    void whatDoesNotFitIsSaid() {
        Dataset iris = Datasets.builtIn("iris");
        try (Model model = Sequential.builder(iris.inputShape()).dense(2).build(device)) {
            Trainer trainer = Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.sgd())
                .build();
            assertMessage("iris has 3 classes, the model's last layer 2 units",
                () -> trainer.fit(DataLoader.of(iris, 10), 1));
            assertMessage("diabetes has rows of [10], the model takes [4]",
                () -> trainer.fit(DataLoader.of(Datasets.builtIn("diabetes"), 10), 1));
            assertMessage("0 epochs", () -> trainer.fit(DataLoader.of(iris, 10), 0));
            assertMessage("needs numbers or two classes", () -> Trainer.builder(model).loss(Losses.squaredError())
                .optimizer(Optimizers.sgd()).build().fit(DataLoader.of(iris, 10), 1));
        }
        try (Model model = Sequential.builder(Shape.of(10)).dense(2).build(device)) {
            Dataset diabetes = Datasets.builtIn("diabetes");
            assertMessage("needs classes", () -> Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.sgd()).build().fit(DataLoader.of(diabetes, 10), 1));
            assertMessage("1 target values a row, the model's last layer 2 units", () -> Trainer.builder(model)
                .loss(Losses.squaredError()).optimizer(Optimizers.sgd()).build().fit(DataLoader.of(diabetes, 10), 1));
        }
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }

    private static Split split(String name, double train) {
        Split split = Datasets.builtIn(name).shuffle(7).split(train);
        Scaler scaler = Scaler.standard().fit(split.train());
        return new Split(scaler.apply(split.train()), scaler.apply(split.validation()), split.test());
    }
}
