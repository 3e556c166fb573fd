package org.talweg.nn;

import java.util.Map;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;

/**
 * In training drops each value with a probability and divides the others by what is left of it, so that the expectation
 * stays; in prediction the identity. Another mask each step, decided by the model's seed. Srivastava et al. 2014.
 *
 * @param rate of values dropped, in [0, 1]
 */
public record Dropout(float rate) implements Layer {

    public Dropout {
        if (!(rate >= 0 && rate <= 1)) {
            throw new IllegalArgumentException("a dropout rate of " + rate + "; it is a probability, from 0 to 1");
        }
    }

    @Override
    public String type() {
        return "dropout";
    }

    @Override
    public Map<String, Object> settings() {
        return Map.of("rate", rate);
    }

    @Override
    public Value forward(Tape tape, String name, Value input) {
        return tape.dropout(input, rate);
    }
}
