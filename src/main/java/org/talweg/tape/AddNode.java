package org.talweg.tape;

import org.talweg.ops.Activation;
import org.talweg.tensor.Tensor;

/** C = A + B; both inputs get C's gradient. */
final class AddNode extends Node {

    AddNode(Value a, Value b) {
        super("add", a, b);
    }

    @Override
    void forward(Pass pass, Value output) {
        Tensor a = pass.value(inputs().get(0));
        Tensor b = pass.value(inputs().get(1));
        Tensor c = pass.value(output);
        pass.emit(ops -> ops.data().copy(a, c));
        // The accumulating backward of the identity is the contract's "c += b".
        pass.emit(ops -> ops.activation().backward(b, Activation.IDENTITY, null, true, c));
    }

    @Override
    void backward(Pass pass, Value output) {
        Tensor gradient = pass.gradient(output);
        for (Value input : inputs()) {
            if (pass.needsGradient(input)) {
                Activation below = input.foldedActivation();
                Tensor saved = below.equals(Activation.IDENTITY)
                    ? null : ((DenseNode) input.producer()).saved(pass, input);
                boolean accumulate = pass.contribute(input);
                Tensor dx = pass.gradient(input);
                pass.emit(ops -> ops.activation().backward(gradient, below, saved, accumulate, dx));
            }
        }
    }

    @Override
    boolean backwardReadsOutput() {
        return false;
    }

    @Override
    boolean foldsDerivative() {
        return true;
    }
}
