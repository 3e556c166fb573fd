package org.talweg.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import org.talweg.tape.Parameter;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;
import org.talweg.tensor.Shape;

/**
 * Layer normalisation over the last dimension: (x − mean) / √(variance + ε) ⊙ w + b, with the biased variance. The same
 * in training and prediction. Ba, Kiros and Hinton 2016. Keras's ε is 0.001.
 *
 * @param affine whether there are w, at first 1, and b, at first 0
 */
public record LayerNorm(float epsilon, boolean affine) implements Layer {

    public LayerNorm {
        expectEpsilon("layer norm", epsilon);
    }

    /** ε 1e-5, with w and b: PyTorch's defaults. */
    public LayerNorm() {
        this(1e-5f, true);
    }

    static void expectEpsilon(String what, float epsilon) {
        if (!(epsilon >= 0) || Float.isInfinite(epsilon)) {
            throw new IllegalArgumentException(what + " with epsilon " + epsilon + "; it is small and not negative");
        }
    }

    static Parameter columns(Tape tape, String name, Value input, float value) {
        return tape.parameter(name, Shape.of(input.shape().dim(-1)), Initializers.constant(value));
    }

    @Override
    public String type() {
        return "layer_norm";
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
        Parameter weight = affine ? columns(tape, name + ".weight", input, 1) : null;
        Parameter bias = affine ? columns(tape, name + ".bias", input, 0) : null;
        return tape.layerNorm(input, weight, bias, epsilon);
    }
}
