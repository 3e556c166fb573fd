package org.talweg.ops;

import org.talweg.tensor.Tensor;

/**
 * From gradients to new parameters: gradient norm, the step's scalars, and one fused update over the flat parameter
 * buffer. Updates multiply each gradient by {@link StepState#CONTROL_CLIP_FACTOR} as they read it and change nothing,
 * bit for bit, when {@link StepState#CONTROL_SKIP} is set.
 *
 * <p>All arithmetic of the updates is float32 in the order the formulas show, each fma written out, so that kernels
 * and reference agree bit for bit. Formulas follow PyTorch 2.
 */
public interface UpdateOps {

    /** partials = sums of squares of parts of x; their sum, in order, is ‖x‖². */
    void sumOfSquares(Tensor x, Tensor partials);

    /** Number of partial sums that {@link #sumOfSquares} writes for so many elements; at least 1. */
    int squarePartials(long elements);

    /**
     * Finishes a step's reductions and writes what the update reads. With i the iteration counter, in double
     * precision and fixed order: norm = √(Σ squarePartials); loss = (Σ rowLosses) / batch; hits likewise.
     *
     * <p>If the norm is finite: t = ++step; control = {η = learningRates[i], η / (1 − β₁ᵗ), √(1 − β₂ᵗ),
     * min(1, maxNorm / (norm + 1e-6)), skip 0, first step}. Powers by repeated squaring in double, so that they are
     * the same bits everywhere. Otherwise skip = 1 and ++skipped, and the other controls stay. In both cases log row
     * i is written, ++iteration, cursor += batch, where batch is the length of {@code rowLosses}.
     *
     * @param rowHits        or null
     * @param squarePartials the gradients' partial sums of squares, of all layers
     * @param maxNorm        clip threshold for the global 2-norm; positive infinity for no clipping
     * @param beta1          decay of the first moment, 0 for optimizers without
     * @param beta2          decay of the second moment, 0 for optimizers without
     */
    void prepareStep(StepState state, Tensor rowLosses, Tensor rowHits, Tensor squarePartials, float maxNorm,
                     float beta1, float beta2);

    /**
     * SGD: g ← clip · grad; g ← fma(weightDecay, p, g); with momentum μ ≠ 0: b ← first step ? g :
     * fma(μ, b, (1 − dampening) · g); d ← nesterov ? fma(μ, b, g) : b; without: d = g. p ← fma(−η, d, p).
     *
     * @param momentumBuffer b, same length as the parameters; null if and only if {@code momentum} is 0
     */
    void sgd(Tensor parameters, Tensor gradients, Tensor momentumBuffer, StepState state, float momentum,
             float dampening, boolean nesterov, float weightDecay);

    /**
     * Adam (Kingma and Ba 2015) and, decoupled, AdamW (Loshchilov and Hutter 2019): g ← clip · grad; coupled:
     * g ← fma(weightDecay, p, g); decoupled: p ← p · (1 − η · weightDecay). m ← fma(β₁, m, (1 − β₁) · g) ;
     * v ← fma(β₂, v, ((1 − β₂) · g) · g); p ← fma(−stepSize, m / (√v / sqrtBiasCorrection2 + ε), p).
     * The constants 1 − β are computed in double and rounded once.
     */
    void adam(Tensor parameters, Tensor gradients, Tensor firstMoment, Tensor secondMoment, StepState state,
              float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled);
}
