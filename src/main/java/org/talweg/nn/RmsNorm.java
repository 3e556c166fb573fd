package org.talweg.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import org.talweg.tape.Parameter;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;

/**
 * RMS normalisation over the last dimension: x / √(mean of x² + ε) ⊙ w. The same in training and prediction. Zhang and
 * Sennrich 2019.
 *
 * @param affine whether there is w, at first 1
 */
public record RmsNorm(float epsilon, boolean affine) implements Layer {

    public RmsNorm {
        LayerNorm.expectEpsilon("RMS norm", epsilon);
    }

    /** ε 1e-6, with w. */
    public RmsNorm() {
        this(1e-6f, true);
    }

    @Override
    public String type() {
        return "rms_norm";
    }

    @Override
    public Map<String, Object> settings() {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("epsilon", epsilon);
        settings.put("affine", affine);
        return settings;
    }

    @Override
    public Value forward(Tape tape, String name, Value input) {
        Parameter weight = affine ? LayerNorm.columns(tape, name + ".weight", input, 1) : null;
        return tape.rmsNorm(input, weight, epsilon);
    }
}
