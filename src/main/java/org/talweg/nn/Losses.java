package org.talweg.nn;

import org.talweg.ops.ElementwiseLoss;
import org.talweg.ops.ElementwiseLoss.Formula;

/**
 * The losses. All are means over rows and columns unless {@link Reduction} says
 * otherwise; formulas in {@link org.talweg.ops.CrossEntropy} and {@link ElementwiseLoss}.
 */
public final class Losses {
    /** PyTorch's, which keeps the logarithm of a rate of 0 finite. */
    private static final float POISSON_EPSILON = 1e-8f;

    private Losses() {
    }

    /** For numbers: (p − t)². */
    public static ElementLoss squaredError() {
        return plain("squared_error", Formula.SQUARED_ERROR);
    }

    /** For numbers with outliers: |p − t|. */
    public static ElementLoss absoluteError() {
        return plain("absolute_error", Formula.ABSOLUTE_ERROR);
    }

    /** For numbers with outliers: half the square up to a difference of {@code delta}, above 0, and linear beyond. */
    public static ElementLoss huber(float delta) {
        expect(delta > 0 && delta < Float.POSITIVE_INFINITY, "delta of huber", delta, "above 0 and finite");
        return ElementLoss.of("huber", new ElementwiseLoss(Formula.HUBER, delta, 0));
    }

    /** Huber's loss divided by {@code beta}, at least 0: its slopes far out stay ±1. With 0 the absolute error. */
    public static ElementLoss smoothL1(float beta) {
        expect(beta >= 0 && beta < Float.POSITIVE_INFINITY, "beta of smooth_l1", beta, "at least 0 and finite");
        return ElementLoss.of("smooth_l1", new ElementwiseLoss(Formula.SMOOTH_L1, beta, 0));
    }

    /** For numbers with outliers: log cosh(p − t), about squared near 0 and absolute far out. */
    public static ElementLoss logCosh() {
        return plain("log_cosh", Formula.LOG_COSH);
    }

    /** For one of several classes: predictions are logits, targets class numbers. */
    public static ClassLoss softmaxCrossEntropy() {
        return ClassLoss.of(true);
    }

    /** For one of several classes: predictions are log-probabilities, targets class numbers. */
    public static ClassLoss nll() {
        return ClassLoss.of(false);
    }

    /**
     * For yes or no: predictions are logits, targets 0 or 1, or probabilities.
     *
     * @param positiveWeights how much more a yes counts than a no, for each column; none for equally much
     */
    public static ElementLoss binaryCrossEntropyWithLogits(float... positiveWeights) {
        return ElementLoss.of("binary_cross_entropy", ElementwiseLoss.of(Formula.BINARY_CROSS_ENTROPY),
            positiveWeights);
    }

    /** For yes or no: predictions are probabilities. Prefer logits, which do not saturate. */
    public static ElementLoss binaryCrossEntropyOnProbabilities() {
        return plain("binary_cross_entropy_probabilities", Formula.BINARY_CROSS_ENTROPY_PROBABILITIES);
    }

    /** For yes or no: max(0, 1 − y p), targets ±1 or 1 and 0. Keras' {@code hinge}. */
    public static ElementLoss hinge() {
        return plain("hinge", Formula.HINGE);
    }

    /** For yes or no: max(0, 1 − y p)², targets ±1 or 1 and 0. Keras' {@code squared_hinge}. */
    public static ElementLoss squaredHinge() {
        return plain("squared_hinge", Formula.SQUARED_HINGE);
    }

    /**
     * Predictions are distances, targets 1 for like and −1 (or 0) for unlike, which is to be {@code margin} away.
     * PyTorch's {@code hinge_embedding_loss}.
     */
    public static ElementLoss hingeEmbedding(float margin) {
        expect(Float.isFinite(margin), "margin of hinge_embedding", margin, "finite");
        return ElementLoss.of("hinge_embedding", new ElementwiseLoss(Formula.HINGE_EMBEDDING, margin, 0));
    }

    /** As {@link #klDivergence(boolean)} with probabilities as targets. */
    public static ElementLoss klDivergence() {
        return klDivergence(false);
    }

    /**
     * Kullback-Leibler divergence of the predicted distribution from the target: predictions are log-probabilities.
     * Its reduction is {@link Reduction#BATCH_MEAN}, the divergence itself as in Keras; PyTorch's default divides by
     * the columns too, as {@link Reduction#MEAN} does here.
     *
     * @param logTarget whether targets are log-probabilities as well
     */
    public static ElementLoss klDivergence(boolean logTarget) {
        return plain("kl_divergence", logTarget ? Formula.KL_DIVERGENCE_LOG_TARGET : Formula.KL_DIVERGENCE)
            .reduction(Reduction.BATCH_MEAN);
    }

    /** As {@link #poisson(boolean, boolean)} on the logarithm of the rate, without Stirling's term. */
    public static ElementLoss poisson() {
        return poisson(true, false);
    }

    /**
     * For counts: negative log-likelihood of a Poisson distribution. PyTorch's {@code poisson_nll_loss}.
     *
     * @param logInput whether predictions are the logarithm of the rate, else the rate itself
     * @param full     whether to add Stirling's approximation of log t!, which no gradient depends on
     */
    public static ElementLoss poisson(boolean logInput, boolean full) {
        return ElementLoss.of("poisson", new ElementwiseLoss(logInput ? Formula.POISSON : Formula.POISSON_RATE,
            full ? 1 : 0, POISSON_EPSILON));
    }

    /**
     * For a rare yes among many no, on logits: binary cross-entropy, where well-predicted elements count little.
     *
     * @param alpha weight of yes against 1 − alpha of no, from 0 to 1; negative for none
     * @param gamma how little, at least 0; with 0 it is weighted cross-entropy
     */
    public static ElementLoss focal(float alpha, float gamma) {
        expect(alpha <= 1, "alpha of focal", alpha, "from 0 to 1, or negative for none");
        expect(gamma >= 0 && gamma < Float.POSITIVE_INFINITY, "gamma of focal", gamma, "at least 0 and finite");
        return ElementLoss.of("focal", new ElementwiseLoss(Formula.FOCAL, alpha, gamma));
    }

    private static ElementLoss plain(String name, Formula formula) {
        return ElementLoss.of(name, ElementwiseLoss.of(formula));
    }

    private static void expect(boolean good, String what, float value, String must) {
        if (!good) {
            throw new IllegalArgumentException(what + " is " + value + "; it must be " + must);
        }
    }
}
