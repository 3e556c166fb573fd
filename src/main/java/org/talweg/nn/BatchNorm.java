package org.talweg.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import org.talweg.tape.Parameter;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;

/**
 * Batch normalisation: (x − mean) / √(variance + ε) ⊙ w + b for each column. In training with mean and biased variance of
 * the batch; then running ← (1 − momentum) · running + momentum · new, with the unbiased variance, once a step unless it
 * is skipped. In prediction with the running statistics, which are part of the model. A batch needs at least 2 rows.
 * Ioffe and Szegedy 2015.
 *
 * <p>Momentum is PyTorch's; Keras's is 1 − momentum, its defaults 0.99 and ε 0.001, and its running variance the biased
 * one.
 *
 * @param affine whether there are w, at first 1, and b, at first 0
 * @param frozen use the running statistics in training too, and leave them: Keras's {@code trainable = False}
 */
public record BatchNorm(float epsilon, float momentum, boolean affine, boolean frozen) implements Layer {

    public BatchNorm {
        LayerNorm.expectEpsilon("batch norm", epsilon);
        if (!(momentum >= 0 && momentum <= 1)) {
            throw new IllegalArgumentException("batch norm with momentum " + momentum
                + "; it is the share of the new statistics, from 0 to 1");
        }
    }

    /** ε 1e-5, momentum 0.1, with w and b: PyTorch's defaults. */
    public BatchNorm() {
        this(1e-5f, 0.1f, true, false);
    }

    @Override
    public String type() {
        return "batch_norm";
    }

    @Override
    public Map<String, Object> settings() {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("epsilon", epsilon);
        settings.put("momentum", momentum);
        settings.put("affine", affine);
        settings.put("frozen", frozen);
        return settings;
    }

    @Override
    public Value forward(Tape tape, String name, Value input) {
        Parameter weight = affine ? LayerNorm.columns(tape, name + ".weight", input, 1) : null;
        Parameter bias = affine ? LayerNorm.columns(tape, name + ".bias", input, 0) : null;
        Parameter mean = tape.state(name + ".running_mean", input.shape(), Initializers.zeros());
        Parameter variance = tape.state(name + ".running_variance", input.shape(), Initializers.ones());
        return tape.batchNorm(input, weight, bias, mean, variance, epsilon, momentum, frozen);
    }
}
