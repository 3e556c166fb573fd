package org.talweg.cuda;

import java.util.ArrayList;
import java.util.List;
import org.talweg.ops.Activation;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** A layer with random numbers, for its products to be timed: everything a hidden layer's need. */
final class MeasuredLayer implements AutoCloseable {
    private final CudaDevice device;
    private final DenseShape shape;
    private final List<Tensor> tensors = new ArrayList<>();
    private final Tensor x;
    private final Tensor weights;
    private final Tensor bias;
    private final Tensor output;
    private final Tensor gradient;
    private final Tensor inputGradient;
    private final Tensor weightGradient;
    private final Tensor biasGradient;
    private final Tensor workspace;
    private DenseOps measured;
    private Tensor squarePartials;

    /**
     * @param own whose weights are as short as they are in training
     * @throws org.talweg.ops.DeviceMemoryException if there is not enough memory
     */
    MeasuredLayer(CudaDevice device, CudaDense own, DenseShape shape, long workspaceElements) {
        this.device = device;
        this.shape = shape;
        try {
            x = random(shape.batch(), shape.inputs());
            weights = random(shape.outputs(), shape.inputs());
            bias = random(shape.outputs());
            output = random(shape.batch(), shape.outputs());
            gradient = random(shape.batch(), shape.outputs());
            inputGradient = random(shape.batch(), shape.inputs());
            weightGradient = random(shape.outputs(), shape.inputs());
            biasGradient = random(shape.outputs());
            workspace = random(Math.toIntExact(Math.max(1, workspaceElements)));
            own.keepShort(weights);
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private Tensor random(int... dims) {
        Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(dims), "measuring");
        tensors.add(tensor);
        device.ops().random().fillUniform(tensor, 1, tensors.size(), -1, 1);
        return tensor;
    }

    void forward(DenseOps dense) {
        dense.forward(x, null, weights, bias, Activation.RELU, null, output);
    }

    void backwardInput(DenseOps dense) {
        dense.backwardInput(gradient, weights, Activation.RELU, x, false, inputGradient);
    }

    void backwardWeights(DenseOps dense) {
        dense.backwardWeights(x, null, gradient, false, weightGradient, biasGradient, partials(dense), workspace);
    }

    void backward(DenseOps dense) {
        dense.backward(x, null, gradient, false, weightGradient, biasGradient, partials(dense), workspace, weights,
            Activation.RELU, x, false, inputGradient);
    }

    /** Of the size that the way wants which is measured now. */
    private Tensor partials(DenseOps dense) {
        int count = dense.squarePartials(shape);
        if (measured != dense || squarePartials.dim(0) != count) {
            measured = dense;
            squarePartials = random(count);
        }
        return squarePartials;
    }

    @Override
    public void close() {
        tensors.forEach(tensor -> tensor.buffer().close());
    }
}
