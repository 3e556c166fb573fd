package org.talweg.cuda;

import org.talweg.cuda.Cublas.Factor;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Precision;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * The three products by cuBLAS, and kernels of our own for what surrounds them: bias and activation after the forward
 * product, the derivative after the input's, column sums and sums of squares after the weights'. The two backward products
 * run side by side. Rows must come in order: {@link #readsRows} is false.
 */
final class CublasDense implements DenseOps {
    private final CudaDevice device;
    private final Precision precision;
    private final CudaProducts products;

    CublasDense(CudaDevice device, Precision precision, CudaProducts products) {
        this.device = device;
        this.precision = precision;
        this.products = products;
    }

    Precision precision() {
        return precision;
    }

    @Override
    public DenseOps at(Precision other) {
        return products.at(other);
    }

    @Override
    public boolean readsRows(DenseShape shape) {
        return false;
    }

    @Override
    public void forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                        Tensor preActivation, Tensor output) {
        DenseShape shape = DenseShape.forward(x, rows, weights, bias, activation, preActivation, output);
        checkInOrder(rows);
        if (shape.batch() == 0 || shape.outputs() == 0) {
            return;
        }
        multiply(shape.batch(), shape.outputs(), shape.inputs(), factor(x, false), factor(weights, true), false, output);
        if (bias != null || preActivation != null || !activation.equals(Activation.IDENTITY)) {
            CudaElementwise.launch(device, device.kernel("activation", "bias_activation"), output.elements(),
                device.arguments().input(bias).activation(activation).tensor(preActivation).tensor(output)
                    .int32(shape.outputs()).int64(output.elements()));
        }
    }

    /** A derivative that is added to what is there needs memory for the product alone, so that is our own kernel's work. */
    @Override
    public void backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved, boolean accumulate,
                              Tensor inputGradient) {
        DenseShape shape = DenseShape.backwardInput(gradient, weights, below, saved, inputGradient);
        boolean derivative = !below.equals(Activation.IDENTITY);
        if (derivative && accumulate) {
            products.own(precision).backwardInput(gradient, weights, below, saved, true, inputGradient);
            return;
        }
        multiply(shape.batch(), shape.inputs(), shape.outputs(), factor(gradient, false), factor(weights, false), accumulate,
            inputGradient);
        if (derivative) {
            device.ops().activation().backward(inputGradient, below, saved, false, inputGradient);
        }
    }

    @Override
    public void backwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate, Tensor weightGradient,
                                Tensor biasGradient, Tensor squarePartials, Tensor workspace) {
        DenseShape shape = DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient);
        checkInOrder(rows);
        if (squarePartials != null) {
            Shapes.expect("square partials", squarePartials, squarePartials(shape));
        }
        multiply(shape.outputs(), shape.inputs(), shape.batch(), factor(gradient, true), factor(x, false), accumulate,
            weightGradient);
        int ofWeights = weightPartials(shape);
        int ofBias = biasPartials(shape);
        if (squarePartials != null && ofWeights > 0) {
            device.ops().update().sumOfSquares(weightGradient, squarePartials.view(0, Shape.of(ofWeights)));
        }
        if (ofBias > 0 && (biasGradient != null || squarePartials != null)) {
            // Without a bias it stores nothing, and zeros for its squares.
            device.launch(device.kernel("normalisation", "bias_gradient"), ofBias, CudaNormalisation.COLUMN_BLOCK, device.arguments()
                .tensor(gradient).int32(accumulate ? 1 : 0).tensor(biasGradient)
                .tensor(squarePartials == null ? null : squarePartials.view(ofWeights, Shape.of(ofBias)))
                .int64(shape.batch()).int32(shape.outputs()));
        }
    }

    @Override
    public void backward(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate, Tensor weightGradient,
                         Tensor biasGradient, Tensor squarePartials, Tensor workspace, Tensor weights,
                         Activation below, Tensor saved, boolean accumulateInput, Tensor inputGradient) {
        device.beside(() -> backwardWeights(x, rows, gradient, accumulate, weightGradient, biasGradient, squarePartials,
            workspace), () -> backwardInput(gradient, weights, below, saved, accumulateInput, inputGradient));
    }

    @Override
    public int squarePartials(DenseShape shape) {
        return weightPartials(shape) + biasPartials(shape);
    }

    @Override
    public long workspace(DenseShape shape) {
        return 0;
    }

    private int weightPartials(DenseShape shape) {
        long elements = (long) shape.outputs() * shape.inputs();
        return elements == 0 ? 0 : device.ops().update().squarePartials(elements);
    }

    private static int biasPartials(DenseShape shape) {
        return CudaElementwise.ceilDivide(shape.outputs(), CudaNormalisation.COLUMNS);
    }

    private void multiply(int rows, int columns, int depth, Factor left, Factor right, boolean accumulate, Tensor result) {
        if (rows > 0 && columns > 0) {
            device.cublas().multiply(precision, rows, columns, depth, left, right, accumulate,
                new DeviceAddress(CudaDevice.target(result)));
        }
    }

    private static Factor factor(Tensor matrix, boolean transposed) {
        return new Factor(new DeviceAddress(CudaDevice.address(matrix)), matrix.dim(1), transposed);
    }

    private static void checkInOrder(BatchRows rows) {
        if (rows != null) {
            throw new IllegalArgumentException("cuBLAS takes rows in order only; gather them first, where readsRows says so");
        }
    }
}
