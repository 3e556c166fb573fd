package org.talweg.tape;

import org.talweg.ops.Activation;
import org.talweg.ops.StepState;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** In training the same mask over values and gradients, drawn anew both times; else the identity. */
final class DropoutNode extends Node {
    private final Value input;
    private final float rate;
    private final long seed;

    DropoutNode(Value input, float rate, long seed) {
        super("dropout", input);
        if (!(rate >= 0 && rate <= 1)) {
            throw new IllegalArgumentException("a dropout rate of " + rate + "; it is a probability, from 0 to 1");
        }
        this.input = input;
        this.rate = rate;
        this.seed = seed;
    }

    @Override
    void forward(Pass pass, Value output) {
        Tensor x = pass.value(input);
        Tensor y = pass.value(output);
        if (pass.isTraining()) {
            mask(pass, output, x, false, y);
        } else {
            pass.emit(ops -> ops.data().copy(x, y));
        }
    }

    @Override
    void backward(Pass pass, Value output) {
        if (!pass.needsGradient(input)) {
            return;
        }
        Tensor gradient = pass.gradient(output);
        boolean accumulate = pass.contribute(input);
        Tensor dx = pass.gradient(input);
        if (pass.isTraining()) {
            mask(pass, output, gradient, accumulate, dx);
        } else {
            pass.emit(ops -> ops.activation().backward(gradient, Activation.IDENTITY, null, accumulate, dx));
        }
    }

    private void mask(Pass pass, Value output, Tensor from, boolean accumulate, Tensor to) {
        // Taken and skipped steps lie side by side.
        Tensor steps = pass.step().counters().view(StepState.COUNTER_STEP, Shape.of(2));
        long firstElement = pass.firstRow() * output.shape().elements();
        pass.emit(ops -> ops.random().dropout(from, rate, seed, output.id(), firstElement, steps, accumulate, to));
    }

    @Override
    boolean differsInTraining() {
        return rate > 0;
    }

    @Override
    boolean backwardReadsOutput() {
        return false;
    }
}
