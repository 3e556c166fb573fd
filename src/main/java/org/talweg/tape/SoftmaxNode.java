package org.talweg.tape;

import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Softmax over the last dimension, or its logarithm. */
final class SoftmaxNode extends Node {
    private final Value input;
    private final boolean log;

    SoftmaxNode(Value input, boolean log) {
        super(log ? "log_softmax" : "softmax", input);
        if (input.shape().rank() == 0) {
            throw new IllegalArgumentException(name() + " of one number a row; it needs at least one dimension");
        }
        this.input = input;
        this.log = log;
    }

    @Override
    void forward(Pass pass, Value output) {
        Tensor x = matrix(pass.value(input));
        Tensor a = matrix(pass.value(output));
        pass.emit(ops -> ops.activation().softmax(x, log, a));
    }

    @Override
    void backward(Pass pass, Value output) {
        if (pass.needsGradient(input)) {
            Tensor gradient = matrix(pass.gradient(output));
            Tensor a = matrix(pass.value(output));
            boolean accumulate = pass.contribute(input);
            Tensor dx = matrix(pass.gradient(input));
            pass.emit(ops -> ops.activation().softmaxBackward(gradient, a, log, accumulate, dx));
        }
    }

    /** [all other dimensions×last dimension]. */
    static Tensor matrix(Tensor tensor) {
        int columns = tensor.dim(-1);
        return tensor.reshape(Shape.of(Math.toIntExact(tensor.elements() / columns), columns));
    }

    @Override
    boolean backwardReadsOutput() {
        return true;
    }
}
