package org.talweg.tape;

import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Layer or RMS normalisation over the last dimension. */
final class LayerNormNode extends NormNode {
    private final float epsilon;
    private final boolean centred;

    /**
     * @param weight  or null
     * @param bias    or null
     * @param centred whether the mean is subtracted: layer norm, else RMS norm
     */
    LayerNormNode(Value input, Parameter weight, Parameter bias, float epsilon, boolean centred) {
        super(centred ? "layer_norm" : "rms_norm", input, weight, bias);
        if (input.shape().rank() == 0) {
            throw new IllegalArgumentException(name() + ": normalises the last dimension, and a row has none");
        }
        expectColumns(weight, bias);
        this.epsilon = epsilon;
        this.centred = centred;
    }

    @Override
    void forward(Pass pass, Value output) {
        Tensor x = SoftmaxNode.matrix(pass.value(input));
        Tensor w = pass.parameter(weight);
        Tensor b = pass.parameter(bias);
        Tensor mean = mean(pass, output);
        Tensor inverse = inverseDeviation(pass, output);
        Tensor y = SoftmaxNode.matrix(pass.value(output));
        pass.emit(ops -> ops.normalisation().layerNorm(x, w, b, epsilon, mean, inverse, y));
    }

    @Override
    void backward(Pass pass, Value output) {
        Tensor gradient = SoftmaxNode.matrix(pass.gradient(output));
        Tensor x = SoftmaxNode.matrix(pass.value(input));
        Tensor mean = mean(pass, output);
        Tensor inverse = inverseDeviation(pass, output);
        if (pass.trains(this)) {
            Tensor dw = pass.parameterGradient(weight);
            Tensor db = pass.parameterGradient(bias);
            Tensor partials = pass.takeSquarePartials(squarePartials(pass.ops(), pass.batch()));
            boolean add = pass.accumulates();
            pass.emit(ops -> ops.normalisation().layerNormBackwardWeights(gradient, x, mean, inverse,
                add, dw, db, partials));
        }
        if (pass.needsGradient(input)) {
            Tensor w = pass.parameter(weight);
            boolean accumulate = pass.contribute(input);
            Tensor dx = SoftmaxNode.matrix(pass.gradient(input));
            pass.emit(ops -> ops.normalisation().layerNormBackwardInput(gradient, x, w, mean, inverse, accumulate,
                dx));
        }
    }

    private Tensor mean(Pass pass, Value output) {
        return centred ? ofRows(pass, output, "mean") : null;
    }

    private Tensor inverseDeviation(Pass pass, Value output) {
        return ofRows(pass, output, "inverse deviation");
    }

    private Tensor ofRows(Pass pass, Value output, String role) {
        int rows = Math.toIntExact(input.shape().elements() / input.shape().dim(-1));
        Tensor tensor = pass.memory().tensor(name() + " " + role, output.id(), Shape.of(rows), pass.batch());
        return tensor.reshape(Shape.of(Math.multiplyExact(pass.batch(), rows)));
    }
}
