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

    /** @throws IllegalArgumentException naming the tensor, its shape and the one expected */
    public static DenseShape forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                                     Tensor preActivation, Tensor output) {
        DenseShape shape = of(output, weights);
        shape.checkInput(x, rows);
        if (bias != null) {
            Shapes.expect("bias", bias, shape.outputs);
        }
        if (preActivation != null) {
            Shapes.expect("pre-activation", preActivation, output.shape());
        }
        return shape;
    }

    /** @throws IllegalArgumentException naming the tensor, its shape and the one expected */
    public static DenseShape backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved,
                                           Tensor inputGradient) {
        DenseShape shape = of(gradient, weights);
        Shapes.expect("input gradient", inputGradient, shape.batch, shape.inputs);
        if (below.saved() != Activation.Saved.NOTHING) {
            if (saved == null) {
                throw new IllegalArgumentException("the derivative of " + below + " needs its saved "
                    + below.saved().name().toLowerCase() + ", and there is none");
            }
            Shapes.expect("saved activation", saved, inputGradient.shape());
        }
        return shape;
    }

    /** @throws IllegalArgumentException naming the tensor, its shape and the one expected */
    public static DenseShape backwardWeights(Tensor x, BatchRows rows, Tensor gradient, Tensor weightGradient,
                                             Tensor biasGradient) {
        DenseShape shape = of(gradient, weightGradient);
        shape.checkInput(x, rows);
        if (biasGradient != null) {
            Shapes.expect("bias gradient", biasGradient, shape.outputs);
        }
        return shape;
    }

    private static DenseShape of(Tensor batchByOutputs, Tensor outputsByInputs) {
        Shapes.expectRank("output or its gradient", batchByOutputs, 2);
        Shapes.expectRank("weights or their gradient", outputsByInputs, 2);
        DenseShape shape = new DenseShape(batchByOutputs.dim(0), outputsByInputs.dim(0), outputsByInputs.dim(1));
        Shapes.expect("output or its gradient", batchByOutputs, shape.batch, shape.outputs);
        return shape;
    }

    private void checkInput(Tensor x, BatchRows rows) {
        Shapes.expectRank("input", x, 2);
        Shapes.expect("input", x, rows == null ? batch : x.dim(0), inputs);
    }
}
