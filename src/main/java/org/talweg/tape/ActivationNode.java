package org.talweg.tape;

import org.talweg.ops.Activation;
import org.talweg.tensor.Tensor;

/** A = f(X); dX = dA ⊙ f'(saved). */
final class ActivationNode extends Node {
    private final Value input;
    private final Activation activation;

    ActivationNode(Value input, Activation activation) {
        super(activation.name(), input);
        this.input = input;
        this.activation = activation;
    }

    @Override
    Activation activation() {
        return activation;
    }

    @Override
    void forward(Pass pass, Value output) {
        Tensor x = pass.value(input);
        Tensor a = pass.value(output);
        pass.emit(ops -> ops.activation().forward(x, activation, a));
    }

    @Override
    void backward(Pass pass, Value output) {
        if (pass.needsGradient(input)) {
            Tensor gradient = pass.gradient(output);
            Tensor saved = switch (activation.saved()) {
                case NOTHING -> null;
                case OUTPUT -> pass.value(output);
                case INPUT -> pass.value(input);
            };
            boolean accumulate = pass.contribute(input);
            Tensor dx = pass.gradient(input);
            pass.emit(ops -> ops.activation().backward(gradient, activation, saved, accumulate, dx));
        }
    }

    @Override
    boolean backwardReadsOutput() {
        return activation.saved() == Activation.Saved.OUTPUT;
    }
}
