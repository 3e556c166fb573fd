package org.talweg.nn;

import java.util.Map;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;

/**
 * Softmax over the last dimension: exp(z) / Σ exp(z), or its logarithm. As a last layer it makes probabilities of
 * logits; softmax cross-entropy has it inside and wants the logits themselves.
 *
 * @param log whether the logarithm is wanted
 */
public record Softmax(boolean log) implements Layer {

    @Override
    public String type() {
        return "softmax";
    }

    @Override
    public Map<String, Object> settings() {
        return Map.of("log", log);
    }

    @Override
    public Value forward(Tape tape, String name, Value input) {
        return tape.softmax(input, log);
    }
}
