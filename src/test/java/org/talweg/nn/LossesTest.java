package org.talweg.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.train.Evaluation;

/** The losses as specifications: names, settings, and what they refuse. */
class LossesTest {

    @Test
    void settingsGiveANewLoss() {
        ClassLoss plain = Losses.softmaxCrossEntropy();
        Shape three = Shape.of(3);
        assertFalse(plain.isPrepared());
        assertTrue(plain.ignoreIndex(-100).isPrepared());
        assertTrue(plain.classWeights(1, 2, 3).isPrepared());
        assertFalse(plain.classWeights(1, 2, 3).reduction(Reduction.SUM).isPrepared());
        assertFalse(plain.classWeights(1, 2, 3).probabilities().isPrepared());
        assertFalse(plain.classWeights(1, 2, 3).classWeights().isPrepared());
        assertEquals(0, plain.constants(three).length);
        assertArrayEquals(new float[] {1, 2, 3, 0, 0}, plain.classWeights(1, 2, 3).constants(three));
        assertEquals(DType.INT32, plain.targetType());
        assertEquals(Shape.of(), plain.targetRow(three));
        assertEquals(DType.FLOAT32, plain.probabilities().targetType());
        assertEquals(three, plain.probabilities().targetRow(three));

        float[] weights = {1, 2};
        ElementLoss weighted = Losses.binaryCrossEntropyWithLogits(4, 5).weights(weights);
        weights[0] = 9;
        assertArrayEquals(new float[] {1, 2, 4, 5}, weighted.constants(Shape.of(2)));
        assertEquals(0, Losses.binaryCrossEntropyWithLogits().weights(1).weights().constants(Shape.of(1)).length);
        assertEquals(0.5f, Losses.binaryCrossEntropyOnProbabilities().threshold());
    }

    @Test
    void whatMakesNoSenseIsRefused() {
        assertMessage("delta of huber is 0.0; it must be above 0", () -> Losses.huber(0));
        assertMessage("beta of smooth_l1 is -1.0", () -> Losses.smoothL1(-1));
        assertMessage("gamma of focal is NaN", () -> Losses.focal(0.25f, Float.NaN));
        assertMessage("alpha of focal is 2.0", () -> Losses.focal(2, 2));
        assertMessage("margin of hinge_embedding is Infinity", () -> Losses.hingeEmbedding(Float.POSITIVE_INFINITY));
        assertMessage("label smoothing is 1.5", () -> Losses.softmaxCrossEntropy().labelSmoothing(1.5f));
        assertMessage("class weights are [1.0, -2.0]", () -> Losses.softmaxCrossEntropy().classWeights(1, -2));
        assertMessage("positive weights are [NaN]", () -> Losses.binaryCrossEntropyWithLogits(Float.NaN));
        assertMessage("no labels that could be ignored, such as 7",
            () -> Losses.softmaxCrossEntropy().ignoreIndex(7).probabilities());
        assertMessage("2 class weights, the model 3 classes",
            () -> Losses.softmaxCrossEntropy().classWeights(1, 2).targetRow(Shape.of(3)));
        assertMessage("3 weights, the model 2 outputs", () -> Losses.squaredError().weights(1, 2, 3).targetRow(Shape.of(2)));
        assertMessage("at least 2 classes", () -> Losses.nll().targetRow(Shape.of(1)));
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }

    /** A weighted mean over a data set is not a mean of its batches' weighted means. */
    @Test
    void anEvaluationDoesNotDependOnItsBatches() {
        Dataset iris = Datasets.builtIn("iris");
        Loss[] losses = {
            Losses.softmaxCrossEntropy().classWeights(1, 5, 0.25f),
            Losses.softmaxCrossEntropy().classWeights(1, 5, 0.25f).ignoreIndex(2),
            Losses.softmaxCrossEntropy().ignoreIndex(0).reduction(Reduction.BATCH_MEAN),
            Losses.softmaxCrossEntropy().reduction(Reduction.SUM),
        };
        try (Device device = Devices.open("cpu");
             Model model = Sequential.builder(iris.inputShape()).seed(1).dense(8, Activation.TANH).dense(3).build(device)) {
            for (Loss loss : losses) {
                Evaluation whole = Evaluation.of(model, loss, DataLoader.of(iris, 150));
                Evaluation parts = Evaluation.of(model, loss, DataLoader.of(iris, 7));
                assertEquals(whole.loss(), parts.loss(), 1e-6 * whole.loss());
                assertEquals(whole.accuracy(), parts.accuracy(), 1e-6);
            }
            double mean = Evaluation.of(model, Losses.softmaxCrossEntropy(), DataLoader.of(iris, 150)).loss();
            assertEquals(150 * mean, Evaluation.of(model, losses[3], DataLoader.of(iris, 40)).loss(), 1e-4 * mean);
        }
    }
}
