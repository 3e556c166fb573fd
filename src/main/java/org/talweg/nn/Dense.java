package org.talweg.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import org.talweg.ops.Activation;
import org.talweg.tape.Initializer;
import org.talweg.tape.Parameter;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;
import org.talweg.tensor.Shape;

/**
 * A fully connected layer: f(x Wᵀ + b), W [units×inputs], b [units].
 *
 * <p>Unless told otherwise, weights start with what {@link Initializers#suited suits the activation}, biases at zero. Keras takes Glorot
 * everywhere. PyTorch's default lets a layer's outputs have a third of its inputs' variance, so signals fade with
 * depth.
 *
 * @param bias whether to add b
 */
public record Dense(int units, Activation activation, boolean bias, Initializer weightInitializer,
                    Initializer biasInitializer) implements Layer {

    public Dense {
        if (units < 1) {
            throw new IllegalArgumentException("a dense layer of " + units + " units; at least 1 is needed");
        }
    }

    public Dense(int units, Activation activation, boolean bias) {
        this(units, activation, bias, Initializers.suited(activation), Initializers.zeros());
    }

    public Dense(int units, Activation activation) {
        this(units, activation, true);
    }

    /** Without an activation: the usual last layer. */
    public Dense(int units) {
        this(units, Activation.IDENTITY);
    }

    @Override
    public String type() {
        return "dense";
    }

    @Override
    public Map<String, Object> settings() {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("units", units);
        settings.put("activation", activation.toString());
        settings.put("bias", bias);
        return settings;
    }

    @Override
    public Value forward(Tape tape, String name, Value input) {
        if (input.shape().rank() != 1) {
            throw new IllegalArgumentException(name + ": a dense layer takes rows of rank 1, not " + input.shape());
        }
        Parameter weights = tape.parameter(name + ".weight", Shape.of(units, input.shape().dim(0)),
            weightInitializer);
        Parameter biases = bias ? tape.parameter(name + ".bias", Shape.of(units), biasInitializer) : null;
        return tape.dense(input, weights, biases, activation);
    }
}
