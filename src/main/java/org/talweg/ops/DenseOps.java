package org.talweg.ops;

import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * The three matrix products of a dense layer, with what surrounds them fused in. Shapes: X [batch×inputs],
 * W [outputs×inputs] as in PyTorch, b [outputs], Z and A [batch×outputs]; gradients have the shape of what they
 * belong to. {@code x} may be a whole data set read through {@code rows}; then its first dimension is the set's.
 *
 * <p>Gradients travel as dZ, the gradient of the pre-activation, so that each product applies the derivative of the
 * layer below while it still has the values in registers.
 */
public interface DenseOps {

    /**
     * A = f(X Wᵀ + b).
     *
     * @param rows          which rows of {@code x} are the batch, or null for all of them in order
     * @param bias          or null
     * @param preActivation receives Z = X Wᵀ + b for activations that save their input (GELU), or null
     */
    void forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                      Tensor preActivation, Tensor output);

    /**
     * dX = (dZ W) ⊙ f'(saved), where f is the activation of the layer below, so dX is that layer's dZ.
     *
     * @param gradient   dZ
     * @param below      the activation to differentiate, {@link Activation#IDENTITY} for none
     * @param saved      that activation's saved output or input ({@link Activation#saved}), or null for identity
     * @param accumulate add to what {@code inputGradient} holds instead of overwriting it
     */
    void backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved, boolean accumulate,
                            Tensor inputGradient);

    /**
     * dW = dZᵀ X, db = the column sums of dZ, and partial sums of squares of what was finally stored in both.
     *
     * @param gradient       dZ
     * @param accumulate     add to what the gradients hold instead of overwriting them
     * @param biasGradient   or null
     * @param squarePartials FLOAT32 of exactly {@link #squarePartials} elements, all overwritten; their sum, in
     *                       order, is ‖dW‖² + ‖db‖². Or null
     * @param workspace      FLOAT32 scratch of at least {@link #workspace} elements, or null if that is 0
     */
    void backwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate, Tensor weightGradient,
                              Tensor biasGradient, Tensor squarePartials, Tensor workspace);

    /**
     * {@link #backwardWeights} and {@link #backwardInput} of one layer, with the same results: both need dZ and nothing of
     * each other, so a GPU may run them side by side. {@code inputGradient} shares no memory with what either reads.
     *
     * @param accumulate      of the weights' and bias's gradients
     * @param accumulateInput of the input's
     */
    default void backward(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate, Tensor weightGradient,
                          Tensor biasGradient, Tensor squarePartials, Tensor workspace, Tensor weights,
                          Activation below, Tensor saved, boolean accumulateInput, Tensor inputGradient) {
        backwardWeights(x, rows, gradient, accumulate, weightGradient, biasGradient, squarePartials, workspace);
        backwardInput(gradient, weights, below, saved, accumulateInput, inputGradient);
    }

    /**
     * Decides what the products of this shape are computed by, which on a GPU may take measuring: to be called outside a
     * recording. Otherwise their first use decides, without measuring if that is in a recording.
     *
     * @param weights that they are going to read, or null. A device may keep a shorter copy of the values of their buffer
     *                for this, which follows whatever is written there and is freed with the buffer; results are the same
     */
    default void plan(DenseShape shape, Tensor weights) {
    }

    /** Bytes that {@link #forward} and {@link #backwardInput} read of each weight, where {@link #plan} was told of them. */
    default int weightBytes(DenseShape shape) {
        return DType.FLOAT32.bytes();
    }

    /**
     * Whether {@link #forward} and {@link #backwardWeights} read this shape's batch through {@link BatchRows}; if not, it
     * must be gathered first.
     */
    default boolean readsRows(DenseShape shape) {
        return true;
    }

    /** Whether {@link #backward} is one launch for this shape. */
    default boolean groups(DenseShape shape) {
        return false;
    }

    /**
     * The products of a dense layer as the device's {@link Device#products} are at this moment, their operands rounded as
     * {@code precision} says, or more exactly. It may want other sizes of partial sums and workspace. The operations are
     * bound to it for good: what asked once keeps the answer.
     */
    DenseOps at(Precision precision);

    /** Number of partial sums that {@link #backwardWeights} writes for this shape. */
    int squarePartials(DenseShape shape);

    /** Scratch elements that {@link #backwardWeights} needs for this shape. */
    long workspace(DenseShape shape);
}
