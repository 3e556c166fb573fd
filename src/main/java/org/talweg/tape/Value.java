package org.talweg.tape;

import java.util.ArrayList;
import java.util.List;
import org.talweg.ops.Activation;
import org.talweg.tensor.Shape;

/** A result on a {@link Tape}: what a batch will hold at this point, known by its shape alone. */
public final class Value {
    private final int id;
    private final Shape row;
    private final Node producer;
    private final List<Node> consumers = new ArrayList<>();

    Value(int id, Shape row, Node producer) {
        this.id = id;
        this.row = row;
        this.producer = producer;
    }

    /** Shape of one row: without the batch dimension. */
    public Shape shape() {
        return row;
    }

    /** Of what made it: {@code dense_1.weight} for a layer with parameters, {@code input} for the input. */
    public String name() {
        return producer == null ? "input" : producer.name();
    }

    /** The activation that ends it; identity for none. */
    public Activation activation() {
        return producer == null ? Activation.IDENTITY : producer.activation();
    }

    int id() {
        return id;
    }

    /** Null for the input. */
    Node producer() {
        return producer;
    }

    List<Node> consumers() {
        return consumers;
    }

    /**
     * The activation whose derivative the consumers fold into the gradients they send here, so that this value's
     * gradient arrives as that of the pre-activation. Identity if some consumer, or the loss, cannot: then the
     * producer applies the derivative itself. Folding works for several consumers too, because
     * (g₁ + g₂) ⊙ f' = g₁ ⊙ f' + g₂ ⊙ f'.
     */
    Activation foldedActivation() {
        boolean foldable = producer instanceof DenseNode && !consumers.isEmpty()
            && consumers.stream().allMatch(Node::foldsDerivative);
        return foldable ? ((DenseNode) producer).activation() : Activation.IDENTITY;
    }

    @Override
    public String toString() {
        return name() + " " + row;
    }
}
