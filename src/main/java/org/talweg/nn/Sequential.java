package org.talweg.nn;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Precision;
import org.talweg.tape.Initializer;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;
import org.talweg.tensor.Shape;

/**
 * The description of a model whose layers follow one another: {@code Sequential.builder(Shape.of(64)).seed(42)
 * .dense(128, RELU).dense(10).build(device)}.
 *
 * @param inputShape shape of one row
 * @param seed       decides the random initial values
 * @param precision  of the matrix products
 */
public record Sequential(Shape inputShape, long seed, Precision precision, List<Layer> layers) {

    /**
     * @throws IllegalArgumentException if there is no layer
     */
    public Sequential {
        layers = List.copyOf(layers);
        if (layers.isEmpty()) {
            throw new IllegalArgumentException("a model without layers; add one, such as dense(10)");
        }
    }

    /** @param inputShape shape of one row, without the batch dimension */
    public static Builder builder(Shape inputShape) {
        return new Builder(inputShape);
    }

    /** Allocates and initialises the parameters. The caller closes the model. */
    public Model build(Device device) {
        Model model = new Model(device, this);
        try {
            model.initialize();
            return model;
        } catch (RuntimeException e) {
            model.close();
            throw e;
        }
    }

    /** Layers under the names that their parameters carry: type and number, {@code dense_1}. */
    Map<String, Layer> namedLayers() {
        return named(layers);
    }

    static Map<String, Layer> named(List<Layer> layers) {
        Map<String, Integer> counts = new HashMap<>();
        Map<String, Layer> named = new LinkedHashMap<>();
        layers.forEach(layer -> named.put(layer.type() + "_" + counts.merge(layer.type(), 1, Integer::sum), layer));
        return named;
    }

    /** What the model would compute, without memory for it. */
    Tape tape() {
        Tape tape = new Tape(inputShape, seed, precision);
        record(tape);
        return tape;
    }

    /** Records all layers and ends the tape; the result of each by name. */
    Map<String, Value> record(Tape tape) {
        Map<String, Value> outputs = new LinkedHashMap<>();
        Value value = tape.input();
        for (Map.Entry<String, Layer> entry : namedLayers().entrySet()) {
            value = entry.getValue().forward(tape, entry.getKey(), value);
            outputs.put(entry.getKey(), value);
        }
        tape.output(value);
        return outputs;
    }

    /** Collects layers. */
    public static final class Builder {
        private final Shape inputShape;
        private final List<Layer> layers = new ArrayList<>();
        private long seed;
        private Precision precision = Precision.FLOAT32;

        private Builder(Shape inputShape) {
            this.inputShape = inputShape;
        }

        /** Decides the random initial values; 0 unless set. */
        public Builder seed(long value) {
            seed = value;
            return this;
        }

        /** Of the matrix products; {@link Precision#FLOAT32} unless set. */
        public Builder precision(Precision value) {
            precision = value;
            return this;
        }

        public Builder layer(Layer layer) {
            layers.add(layer);
            return this;
        }

        /** A fully connected layer without an activation: the usual last one. */
        public Builder dense(int units) {
            return layer(new Dense(units));
        }

        public Builder dense(int units, Activation activation) {
            return layer(new Dense(units, activation));
        }

        /** @param weights their first values; biases start at 0 */
        public Builder dense(int units, Activation activation, Initializer weights) {
            return layer(new Dense(units, activation, true, weights, Initializers.zeros()));
        }

        public Builder activation(Activation activation) {
            return layer(new ActivationLayer(activation));
        }

        /** Softmax over the last dimension: probabilities. For training, softmax cross-entropy wants logits instead. */
        public Builder softmax() {
            return layer(new Softmax(false));
        }

        /** The logarithm of {@link #softmax}: log-probabilities, for {@link Losses#nll} and a divergence. */
        public Builder logSoftmax() {
            return layer(new Softmax(true));
        }

        /** @param rate of values dropped in training */
        public Builder dropout(float rate) {
            return layer(new Dropout(rate));
        }

        public Builder layerNorm() {
            return layer(new LayerNorm());
        }

        public Builder rmsNorm() {
            return layer(new RmsNorm());
        }

        public Builder batchNorm() {
            return layer(new BatchNorm());
        }

        /**
         * Adds to its input what a stack of layers makes of it: {@code residual(b -> b.dense(64, RELU).dense(64))}.
         *
         * @param branch adds the layers, which keep the shape
         */
        public Builder residual(Consumer<Builder> branch) {
            Builder inner = new Builder(inputShape);
            branch.accept(inner);
            return layer(new Residual(inner.layers));
        }

        public Sequential describe() {
            return new Sequential(inputShape, seed, precision, layers);
        }

        /** Allocates and initialises the parameters. The caller closes the model. */
        public Model build(Device device) {
            return describe().build(device);
        }
    }
}
