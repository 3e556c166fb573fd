package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.FloatRange;
import net.jqwik.api.constraints.IntRange;
import org.talweg.ops.ElementwiseLoss.Formula;
import org.talweg.reference.ReferenceDevices;
import org.talweg.tensor.DType;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;

/** What holds for losses whatever the numbers. */
class LossPropertiesTest {
    private static final int TRIES = 200;

    /** Row losses and gradient. */
    private record Result(double[] losses, double[] gradient) {
    }

    @Property(tries = TRIES)
    void aSoftmaxGradientSumsToZeroOverEachRow(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batch,
            @ForAll @IntRange(min = 1, max = 40) int classes, @ForAll @FloatRange(max = 1) float smoothing,
            @ForAll boolean probabilities, @ForAll boolean weighted) {
        Draw draw = new Draw(seed);
        Result result = crossEntropy(new CrossEntropy(true, smoothing, CrossEntropy.NONE), draw, batch, classes,
            draw.reals(batch * classes, 20), probabilities, weighted ? Draw.absolute(draw.reals(classes, 5)) : null);
        for (int i = 0; i < batch; i++) {
            double sum = 0;
            double size = 0;
            for (int j = 0; j < classes; j++) {
                sum += result.gradient[i * classes + j];
                size += Math.abs(result.gradient[i * classes + j]);
            }
            assertEquals(0, sum, 1e-14 * classes * (1 + size));
            assertTrue(result.losses[i] >= 0, "loss " + result.losses[i]);
        }
    }

    @Property(tries = TRIES)
    void smoothingByNothingAndWeightsOfOneChangeNothing(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batch,
            @ForAll @IntRange(min = 1, max = 40) int classes, @ForAll boolean logits, @ForAll boolean probabilities) {
        float[] x = new Draw(seed).reals(batch * classes, 5);
        float[] ones = new float[classes];
        Arrays.fill(ones, 1);
        Result plain = crossEntropy(CrossEntropy.plain(logits), new Draw(seed), batch, classes, x, probabilities, null);
        Result same = crossEntropy(new CrossEntropy(logits, 0, CrossEntropy.NONE), new Draw(seed), batch, classes, x,
            probabilities, ones);
        assertArrayEquals(plain.losses, same.losses);
        assertArrayEquals(plain.gradient, same.gradient);
    }

    @Property(tries = TRIES)
    void addingTheSameToAllLogitsChangesNothing(@ForAll long seed,
            @ForAll @IntRange(min = 1, max = 40) int classes, @ForAll @IntRange(min = -512, max = 512) int shift) {
        float[] x = new Draw(seed).integers(3 * classes);
        float[] shifted = x.clone();
        for (int i = 0; i < x.length; i++) {
            shifted[i] += shift;
        }
        CrossEntropy loss = new CrossEntropy(true, 0.1f, CrossEntropy.NONE);
        Result a = crossEntropy(loss, new Draw(seed), 3, classes, x, false, null);
        Result b = crossEntropy(loss, new Draw(seed), 3, classes, shifted, false, null);
        assertArrayEquals(a.losses, b.losses, 1e-13);
        assertArrayEquals(a.gradient, b.gradient, 1e-13);
    }

    /** Two classes are one logit: their difference. */
    @Property(tries = TRIES)
    void softmaxOfTwoClassesIsBinaryCrossEntropy(@ForAll @FloatRange(min = -30, max = 30) float z0,
            @ForAll @FloatRange(min = -30, max = 30) float z1, @ForAll @FloatRange(max = 1) float t) {
        Device device = ReferenceDevices.float64();
        Result result = run(device, CrossEntropy.plain(true), new float[] {z0, z1},
            upload(device, new float[] {1 - t, t}, 1, 2), 1, 2, null);
        ElementwiseLoss binary = ElementwiseLoss.of(Formula.BINARY_CROSS_ENTROPY);
        // 1 − t is rounded to float.
        assertEquals(binary.loss((double) z1 - z0, t, 1), result.losses[0], 1e-5);
        assertEquals(binary.derivative((double) z1 - z0, t, 1), result.gradient[1], 1e-6);
        device.close();
    }

    @Property(tries = TRIES)
    void noLossIsNegative(@ForAll long seed) {
        Draw draw = new Draw(seed);
        for (ElementwiseLoss loss : LossOpsTest.LOSSES) {
            double t = LossOpsTest.drawTarget(loss.formula(), draw);
            double p = LossOpsTest.drawPrediction(loss.formula(), draw, 50);
            switch (loss.formula()) {
                // Of one element these may be: a divergence is of a distribution, a density may be above 1.
                case KL_DIVERGENCE, KL_DIVERGENCE_LOG_TARGET, POISSON, POISSON_RATE -> { }
                case HINGE_EMBEDDING -> assertTrue(loss.loss(Math.abs(p), t, 1) >= 0, loss + " of " + p + ", " + t);
                default -> assertTrue(loss.loss(p, t, 1.5) >= 0, loss + " of " + p + ", " + t);
            }
        }
    }

    @Property(tries = TRIES)
    void divergenceOfDistributionsIsNotNegativeAndZeroOfItself(@ForAll long seed,
            @ForAll @IntRange(min = 1, max = 30) int classes) {
        Draw draw = new Draw(seed);
        double[] t = distribution(draw, classes);
        double[] q = distribution(draw, classes);
        double divergence = 0;
        double logarithmic = 0;
        double itself = 0;
        for (int j = 0; j < classes; j++) {
            ElementwiseLoss plain = ElementwiseLoss.of(Formula.KL_DIVERGENCE);
            divergence += plain.loss(Math.log(q[j]), t[j], 1);
            itself += plain.loss(Math.log(t[j]), t[j], 1);
            logarithmic += ElementwiseLoss.of(Formula.KL_DIVERGENCE_LOG_TARGET).loss(Math.log(q[j]), Math.log(t[j]), 1);
        }
        assertTrue(divergence >= -1e-15);
        assertEquals(0, itself, 1e-15);
        assertEquals(divergence, logarithmic, 1e-12);
    }

    private static double[] distribution(Draw draw, int classes) {
        float[] values = draw.reals(classes, 0.5);
        double[] result = new double[classes];
        double sum = 0;
        for (int j = 0; j < classes; j++) {
            result[j] = values[j] + 0.501;
            sum += result[j];
        }
        for (int j = 0; j < classes; j++) {
            result[j] /= sum;
        }
        return result;
    }

    @Property(tries = TRIES)
    void huberTendsToTheSquareAndToTheAbsoluteError(@ForAll @DoubleRange(min = -100, max = 100) double p,
            @ForAll @DoubleRange(min = -100, max = 100) double t) {
        ElementwiseLoss wide = new ElementwiseLoss(Formula.HUBER, 1e4f, 0);
        ElementwiseLoss squared = ElementwiseLoss.of(Formula.SQUARED_ERROR);
        assertEquals(squared.loss(p, t, 1), 2 * wide.loss(p, t, 1), 1e-12);
        assertEquals(squared.derivative(p, t, 1), 2 * wide.derivative(p, t, 1), 1e-12);
        float delta = 1e-6f;
        ElementwiseLoss narrow = new ElementwiseLoss(Formula.HUBER, delta, 0);
        assertEquals(Math.abs(p - t), narrow.loss(p, t, 1) / delta, 1e-6);
    }

    @Property(tries = TRIES)
    void huberIsSmoothL1TimesItsThreshold(@ForAll @DoubleRange(min = -5, max = 5) double p,
            @ForAll @DoubleRange(min = -5, max = 5) double t, @ForAll @FloatRange(min = 0.1f, max = 4) float delta) {
        ElementwiseLoss huber = new ElementwiseLoss(Formula.HUBER, delta, 0);
        ElementwiseLoss smooth = new ElementwiseLoss(Formula.SMOOTH_L1, delta, 0);
        assertEquals(huber.loss(p, t, 1), delta * smooth.loss(p, t, 1), 1e-12);
        assertEquals(huber.derivative(p, t, 1), delta * smooth.derivative(p, t, 1), 1e-12);
        assertEquals(Math.abs(p - t), new ElementwiseLoss(Formula.SMOOTH_L1, 0, 0).loss(p, t, 1));
    }

    @Property(tries = TRIES)
    void focalLossWithoutFocusIsBinaryCrossEntropy(@ForAll @DoubleRange(min = -50, max = 50) double z,
            @ForAll @DoubleRange(max = 1) double t) {
        ElementwiseLoss binary = ElementwiseLoss.of(Formula.BINARY_CROSS_ENTROPY);
        ElementwiseLoss unweighted = new ElementwiseLoss(Formula.FOCAL, -1, 0);
        ElementwiseLoss half = new ElementwiseLoss(Formula.FOCAL, 0.5f, 0);
        assertEquals(binary.loss(z, t, 1), unweighted.loss(z, t, 1), 1e-12);
        assertEquals(binary.derivative(z, t, 1), unweighted.derivative(z, t, 1), 1e-12);
        assertEquals(binary.loss(z, t, 1) / 2, half.loss(z, t, 1), 1e-12);
        assertTrue(new ElementwiseLoss(Formula.FOCAL, -1, 2).loss(z, t, 1) <= binary.loss(z, t, 1), "focus lowers");
    }

    /** Of logits and of their probabilities, where neither clamp is reached. */
    @Property(tries = TRIES)
    void binaryCrossEntropyIsTheSameOnProbabilities(@ForAll @DoubleRange(min = -12, max = 12) double z,
            @ForAll @DoubleRange(max = 1) double t) {
        ElementwiseLoss logits = ElementwiseLoss.of(Formula.BINARY_CROSS_ENTROPY);
        ElementwiseLoss probabilities = ElementwiseLoss.of(Formula.BINARY_CROSS_ENTROPY_PROBABILITIES);
        double p = 1 / (1 + Math.exp(-z));
        assertEquals(logits.loss(z, t, 1), probabilities.loss(p, t, 1), 1e-9);
        assertEquals(logits.derivative(z, t, 1), probabilities.derivative(p, t, 1) * p * (1 - p), 1e-9);
    }

    private static Result crossEntropy(CrossEntropy loss, Draw draw, int batch, int classes, float[] x,
                                       boolean probabilities, float[] weights) {
        Device device = ReferenceDevices.float64();
        try {
            Tensor target;
            if (probabilities) {
                target = upload(device, Draw.absolute(draw.reals(batch * classes, 1)), batch, classes);
            } else {
                target = device.allocate(DType.INT32, Shape.of(batch), "labels");
                device.upload(draw.indices(batch, classes), target);
            }
            return run(device, loss, x, target, batch, classes, weights);
        } finally {
            device.close();
        }
    }

    private static Result run(Device device, CrossEntropy loss, float[] x, Tensor target, int batch, int classes,
                              float[] weights) {
        Tensor losses = device.allocate(DType.FLOAT32, Shape.of(batch), "losses");
        Tensor gradient = device.allocate(DType.FLOAT32, Shape.of(batch, classes), "gradient");
        Tensor prediction = upload(device, x, batch, classes);
        Tensor w = weights == null ? null : upload(device, weights, classes);
        device.ops().loss().crossEntropy(loss, new LossBatch(prediction, target, null, 1, 1, losses, null, gradient), w,
            null);
        Result result = new Result(values(losses), values(gradient));
        for (Tensor tensor : new Tensor[] {losses, gradient, prediction, w, target}) {
            if (tensor != null) {
                tensor.buffer().close();
            }
        }
        return result;
    }

    private static Tensor upload(Device device, float[] values, int... dims) {
        Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(dims), "test");
        device.upload(values, tensor);
        return tensor;
    }

    private static double[] values(Tensor tensor) {
        double[] values = new double[(int) tensor.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = ((HostBuffer) tensor.buffer()).get(i);
        }
        return values;
    }
}
