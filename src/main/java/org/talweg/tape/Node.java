package org.talweg.tape;

import java.util.List;
import org.talweg.ops.Activation;
import org.talweg.ops.FusedMlp;
import org.talweg.ops.Ops;

/**
 * One operation on a tape: how it runs forward, and its gradient rule. Both are called once, when a pass is planned,
 * and put operations into the pass with every tensor resolved.
 */
abstract class Node {
    private final String name;
    private final List<Value> inputs;

    Node(String name, Value... inputs) {
        this.name = name;
        this.inputs = List.of(inputs);
    }

    /** For messages and for the purposes of buffers. */
    final String name() {
        return name;
    }

    final List<Value> inputs() {
        return inputs;
    }

    /** The last thing it does to its output. */
    Activation activation() {
        return Activation.IDENTITY;
    }

    abstract void forward(Pass pass, Value output);

    /** Turns the gradient of {@code output} into those of the parameters and of the inputs that need one. */
    abstract void backward(Pass pass, Value output);

    /** Whether {@link #backward} reads the output, so that the loss may not overwrite it with its gradient. */
    abstract boolean backwardReadsOutput();

    /** Whether {@link #backward} can multiply by the derivative of the activation that made its input. */
    boolean foldsDerivative() {
        return false;
    }

    /** Whether it reads so large a batch of the data set in place through {@link org.talweg.ops.BatchRows}. */
    boolean readsThroughRows(Ops ops, int batch) {
        return false;
    }

    /** Whether training computes something else than prediction. */
    boolean differsInTraining() {
        return false;
    }

    /** What it is in a fused step; null if it cannot be a part of one. */
    FusedMlp.Layer fusedLayer() {
        return null;
    }

    /** What it trains, unless frozen. */
    List<Parameter> parameters() {
        return List.of();
    }

    /** Partial sums of squares that its parameters' gradients give. */
    int squarePartials(Ops ops, int batch) {
        return 0;
    }
}
