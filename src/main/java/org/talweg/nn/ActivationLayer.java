package org.talweg.nn;

import java.util.Map;
import org.talweg.ops.Activation;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;

/** An activation on its own. Inside {@link Dense} it is free; here it is a pass over memory of its own. */
public record ActivationLayer(Activation activation) implements Layer {

    @Override
    public String type() {
        return "activation";
    }

    @Override
    public Map<String, Object> settings() {
        return Map.of("activation", activation.toString());
    }

    @Override
    public Value forward(Tape tape, String name, Value input) {
        return tape.activation(input, activation);
    }
}
