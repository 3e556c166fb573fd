package org.talweg.ops;

import org.talweg.tensor.Tensor;

/**
 * Layer, RMS and batch normalisation with their gradients. x, y and their gradients are [rows×columns], weight w and
 * bias b [columns]; either may be null, for 1 and 0. Variances are biased, Σ(x − mean)² / n, in two passes: nothing
 * cancels where the mean is large. Formulas follow PyTorch 2.
 *
 * <p>Each gradient of w and b comes with partial sums of squares of what was finally stored, FLOAT32 of exactly
 * {@link #squarePartials} elements, or null if unwanted.
 */
public interface NormalisationOps {

    /**
     * Per row: r = 1/√(variance + ε), y = (x − mean) r ⊙ w + b. Ba, Kiros and Hinton 2016. Without a mean it is RMS
     * normalisation: r = 1/√(mean of x² + ε), y = x r ⊙ w + b. Zhang and Sennrich 2019.
     *
     * @param mean             [rows], receives the means; null for RMS normalisation
     * @param inverseDeviation [rows], receives r
     */
    void layerNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, Tensor mean, Tensor inverseDeviation,
                   Tensor output);

    /**
     * With x̂ = (x − mean) r and h = dy ⊙ w: dx = r (h − mean of h − x̂ · mean of (h ⊙ x̂)); without the mean of h for RMS
     * normalisation. {@code inputGradient} may be {@code gradient}.
     *
     * @param accumulate add to what {@code inputGradient} holds instead of overwriting it
     */
    void layerNormBackwardInput(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor inverseDeviation,
                                boolean accumulate, Tensor inputGradient);

    /**
     * dw = Σ over rows of dy ⊙ x̂, db = Σ over rows of dy.
     *
     * @param accumulate     add to what the gradients hold instead of overwriting them
     * @param weightGradient or null
     * @param biasGradient   or null
     */
    void layerNormBackwardWeights(Tensor gradient, Tensor x, Tensor mean, Tensor inverseDeviation, boolean accumulate,
                                  Tensor weightGradient, Tensor biasGradient, Tensor squarePartials);

    /**
     * Per column: y = (x − mean) / √(variance + ε) ⊙ w + b. Ioffe and Szegedy 2015.
     *
     * @param fromBatch whether mean and variance are those of this batch, of at least 2 rows, and written; or given,
     *                  and read
     * @param mean      [columns]
     * @param variance  [columns]
     */
    void batchNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, boolean fromBatch, Tensor mean,
                   Tensor variance, Tensor output);

    /**
     * With x̂ = (x − mean) r: dw = Σ over rows of dy ⊙ x̂, db = Σ over rows of dy, dx = r w ⊙ (dy − (db + x̂ ⊙ dw) / rows);
     * with given statistics dx = r w ⊙ dy. The sums in dx are this batch's, whatever is accumulated.
     *
     * @param accumulate      add to what {@code weightGradient} and {@code biasGradient} hold
     * @param weightGradient  or null
     * @param biasGradient    or null
     * @param accumulateInput add to what {@code inputGradient} holds
     * @param inputGradient   may be {@code gradient}; null if unwanted
     */
    void batchNormBackward(Tensor gradient, Tensor x, Tensor weight, float epsilon, boolean fromBatch, Tensor mean,
                           Tensor variance, boolean accumulate, Tensor weightGradient, Tensor biasGradient,
                           Tensor squarePartials, boolean accumulateInput, Tensor inputGradient);

    /**
     * running ← (1 − momentum) running + momentum · new, for the mean, and for the unbiased variance,
     * variance · rows / (rows − 1). Nothing changes if {@code skip} is not 0.
     *
     * @param skip     FLOAT32 [1]: {@link StepState#CONTROL_SKIP}
     * @param variance biased, as {@link #batchNorm} wrote it
     * @param rows     of the batch
     */
    void updateRunningStatistics(Tensor skip, Tensor mean, Tensor variance, int rows, float momentum,
                                 Tensor runningMean, Tensor runningVariance);

    /** Number of partial sums of squares for so many columns. */
    int squarePartials(int columns);
}
