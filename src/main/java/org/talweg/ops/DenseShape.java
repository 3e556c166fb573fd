package org.talweg.ops;

import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * The extents of a dense layer's three products, checked once so that no backend has to.
 *
 * @param batch   rows of X, A and dZ
 * @param outputs rows of W
 * @param inputs  columns of X and W
 */
public record DenseShape(int batch, int outputs, int inputs) {

    // The checks are methods of their own: without them HotSpot always inlines the rest, and a step allocates no record.

    /** @throws IllegalArgumentException naming the tensor, its shape and the one expected */
    public static DenseShape forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                                     Tensor preActivation, Tensor output) {
        checkForward(x, rows, weights, bias, preActivation, output);
        return of(output, weights);
    }

    private static void checkForward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Tensor preActivation,
                                     Tensor output) {
        checkRanks(output, weights);
        checkInput(x, rows, output.dim(0), weights.dim(1));
        if (bias != null) {
            Shapes.expect("bias", bias, weights.dim(0));
        }
        if (preActivation != null) {
            Shapes.expect("pre-activation", preActivation, output.shape());
        }
    }

    /** @throws IllegalArgumentException naming the tensor, its shape and the one expected */
    public static DenseShape backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved,
                                           Tensor inputGradient) {
        checkBackwardInput(gradient, weights, below, saved, inputGradient);
        return of(gradient, weights);
    }

    private static void checkBackwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved,
                                           Tensor inputGradient) {
        checkRanks(gradient, weights);
        Shapes.expect("input gradient", inputGradient, gradient.dim(0), weights.dim(1));
        if (below.saved() != Activation.Saved.NOTHING) {
            if (saved == null) {
                throw new IllegalArgumentException("the derivative of " + below + " needs its saved "
                    + below.saved().name().toLowerCase() + ", and there is none");
            }
            Shapes.expect("saved activation", saved, inputGradient.shape());
        }
    }

    /** @throws IllegalArgumentException naming the tensor, its shape and the one expected */
    public static DenseShape backwardWeights(Tensor x, BatchRows rows, Tensor gradient, Tensor weightGradient,
                                             Tensor biasGradient) {
        checkBackwardWeights(x, rows, gradient, weightGradient, biasGradient);
        return of(gradient, weightGradient);
    }

    private static void checkBackwardWeights(Tensor x, BatchRows rows, Tensor gradient, Tensor weightGradient,
                                             Tensor biasGradient) {
        checkRanks(gradient, weightGradient);
        checkInput(x, rows, gradient.dim(0), weightGradient.dim(1));
        if (biasGradient != null) {
            Shapes.expect("bias gradient", biasGradient, weightGradient.dim(0));
        }
    }

    private static DenseShape of(Tensor batchByOutputs, Tensor outputsByInputs) {
        return new DenseShape(batchByOutputs.dim(0), outputsByInputs.dim(0), outputsByInputs.dim(1));
    }

    private static void checkRanks(Tensor batchByOutputs, Tensor outputsByInputs) {
        Shapes.expectRank("output or its gradient", batchByOutputs, 2);
        Shapes.expectRank("weights or their gradient", outputsByInputs, 2);
        Shapes.expect("output or its gradient", batchByOutputs, batchByOutputs.dim(0), outputsByInputs.dim(0));
    }

    private static void checkInput(Tensor x, BatchRows rows, int batch, int inputs) {
        Shapes.expectRank("input", x, 2);
        Shapes.expect("input", x, rows == null ? batch : x.dim(0), inputs);
    }
}
