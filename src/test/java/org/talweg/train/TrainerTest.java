package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.RELU;

import java.time.Duration;
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
import org.talweg.optim.Schedules;
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
                .metrics(Metrics.f1(), Metrics.topK(2)).restoreBest("val_f1").stopWhen(Stop.lossChange(1e-12))
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
    void endsAfterTheVeryStep() {
        Dataset data = Datasets.builtIn("iris");
        List<StepMetrics> steps = new ArrayList<>();
        Listener collector = new Listener() {
            @Override
            public void onSteps(List<StepMetrics> chunk) {
                steps.addAll(chunk);
            }
        };
        try (Model model = Sequential.builder(data.inputShape()).dense(3).build(device)) {
            TrainingResult result = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.sgd()).schedule(at -> at.steps()).stopWhen(Stop.afterSteps(7))
                .listeners(collector).build().fit(DataLoader.of(data, 50), DataLoader.of(data, 150), 100);
            assertEquals("7 steps done", result.stopReason());
            assertEquals(3, result.history().size());
            assertEquals(1, result.last().steps());
            assertTrue(Double.isFinite(result.last().valLoss()), "a part of an epoch is validated too");
        }
        assertEquals(7, steps.size());
        assertEquals(7, steps.get(0).learningRate(), "the schedule knows that the run is short");
    }

    /** The learning rate jumps after the third epoch, so that what comes later is worse. */
    @Test
    void theBestParametersAreRestored() {
        Split split = split("iris", 0.8);
        DataLoader train = DataLoader.of(split.train(), 40);
        DataLoader valid = DataLoader.of(split.validation(), 30);
        float[] best;
        try (Model model = iris()) {
            trainer(model).build().fit(train, valid, 3);
            best = model.parameterValues("dense_1.weight");
        }
        try (Model model = iris()) {
            TrainingResult result = trainer(model).stopWhen(Stop.noImprovement("val_loss", 2).restoringBest()).build()
                .fit(train, valid, 10);
            assertEquals(5, result.history().size());
            assertTrue(result.stopReason().startsWith("val_loss has not improved for 2 epochs"), result.stopReason());
            assertEquals(3, result.restoredEpoch());
            assertArrayEquals(best, model.parameterValues("dense_1.weight"));
        }
        try (Model model = iris()) {
            TrainingResult result = trainer(model).restoreBest("val_loss").build().fit(train, valid, 4);
            assertEquals("all 4 epochs done", result.stopReason());
            assertEquals(3, result.restoredEpoch());
            assertArrayEquals(best, model.parameterValues("dense_1.weight"));
        }
        try (Model model = iris()) {
            assertEquals(0, trainer(model).build().fit(train, valid, 4).restoredEpoch());
            assertNotEquals(best[0], model.parameterValues("dense_1.weight")[0]);
        }
    }

    private Model iris() {
        return Sequential.builder(Shape.of(4)).seed(1).dense(3).build(device);
    }

    private static Trainer.Builder trainer(Model model) {
        return Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.sgd())
            .schedule(Schedules.constant(0.5).then(3, Schedules.constant(500)).perEpoch());
    }

    @Test
    void anInterruptionEndsTheRunAfterAStepAndKeepsTheBest() {
        Split split = split("iris", 0.8);
        try (Model model = iris()) {
            Trainer[] self = new Trainer[1];
            self[0] = trainer(model).restoreBest("val_loss").listeners(new Listener() {
                @Override
                public void onSteps(List<StepMetrics> steps) {
                    if (steps.get(0).epoch() == 3) {
                        self[0].requestStop();
                    }
                }
            }).build();
            TrainingResult result = self[0].fit(DataLoader.of(split.train(), 40), DataLoader.of(split.validation(), 30),
                1000);
            assertEquals("interrupted in epoch 3, after step 9", result.stopReason());
            assertTrue(Double.isNaN(result.last().valLoss()));
            assertEquals(2, result.restoredEpoch());
            self[0].requestStop();
            assertEquals("interrupted in epoch 1, after step 1", self[0].fit(DataLoader.of(split.train(), 40),
                DataLoader.of(split.validation(), 30), 9).stopReason());
        }
    }

    @Test
    void timeIsKeptBetweenSteps() {
        Dataset data = Datasets.builtIn("iris");
        try (Model model = iris()) {
            TrainingResult result = trainer(model).stopWhen(Stop.after(Duration.ofNanos(1))).build()
                .fit(DataLoader.of(data, 1), 3);
            assertEquals(1, result.last().steps());
            assertEquals("the time budget of 0.00000 s is used up", result.stopReason());
        }
    }

    @Test
    void metricsOfTheValidationRows() {
        Split split = split("diabetes", 0.8);
        try (Model model = Sequential.builder(Shape.of(10)).dense(1).build(device)) {
            Trainer trainer = Trainer.builder(model).loss(Losses.squaredError())
                .optimizer(Optimizers.adam().learningRate(5)).metrics(Metrics.mae(), Metrics.rmse(), Metrics.rSquared())
                .build();
            TrainingResult result = trainer.fit(DataLoader.of(split.train(), 50), DataLoader.of(split.validation(), 33),
                20);
            EpochMetrics last = result.last();
            assertEquals(Math.sqrt(last.valLoss()), last.get("val_rmse"), 1e-4);
            assertTrue(last.get("val_mae") > 0 && last.get("val_mae") <= last.get("val_rmse"), last.toString());
            assertEquals(last.values().get("val_mae"), last.get("val_mae"));
            assertEquals(result.best("val_rmse"), result.best("val_r2"), "one highest where the other is lowest");
            Evaluation again = trainer.evaluate(DataLoader.of(split.validation(), 7));
            assertEquals(last.get("val_r2"), again.metrics().get("r2"), 1e-5);
            Predictions predictions = trainer.predict(DataLoader.of(split.validation(), 50));
            assertEquals(again.metrics().get("mae"), Metrics.mae().of(predictions), 1e-4);
            assertMessage("no metric 'val_f1'; there are loss, accuracy", () -> last.get("val_f1"));
        }
        try (Model model = iris()) {
            Dataset data = Datasets.builtIn("iris");
            Evaluation evaluation = Evaluation.of(model, Losses.softmaxCrossEntropy(), DataLoader.of(data, 64),
                Metrics.accuracy());
            assertEquals(evaluation.accuracy(), evaluation.metrics().get("accuracy"), 1e-12, "as the kernels count");
        }
    }

    @Test
    void aValidationMetricNeedsValidationRows() {
        Dataset data = Datasets.builtIn("iris");
        try (Model model = iris()) {
            for (Trainer.Builder builder : List.of(trainer(model).restoreBest("val_loss"),
                trainer(model).stopWhen(Stop.noImprovement("val_accuracy", 3)),
                trainer(model).schedule(Schedules.reduceOnPlateau(0.1)))) {
                assertMessage("needs validation rows", () -> builder.build().fit(DataLoader.of(data, 50), 5));
            }
        }
    }

    @Test
    void aRateFollowsAMetric() {
        Dataset data = Datasets.builtIn("iris");
        try (Model model = iris()) {
            TrainingResult result = trainer(model).schedule(
                Schedules.reduceOnPlateau(1e-6).minimise("loss").factor(0.5).patience(1)).build()
                .fit(DataLoader.of(data, 150), 5);
            assertEquals(List.of(1e-6f, 1e-6f, 1e-6f, 5e-7f, 5e-7f), result.history().stream()
                .map(epoch -> (float) epoch.learningRate()).toList());
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
