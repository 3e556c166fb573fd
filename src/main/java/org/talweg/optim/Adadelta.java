package org.talweg.optim;

import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.UpdateRule;

/**
 * Adadelta (Zeiler 2012); formula in {@link AdaptiveRule.Adadelta}. Settings and defaults are those of PyTorch's
 * {@code torch.optim.Adadelta}.
 *
 * @param learningRate the paper has none: 1
 * @param rho          decay of the means of squared gradients and squared steps
 * @param epsilon      added to both means, before the roots
 * @param weightDecay  L2 penalty, added to the gradient
 */
public record Adadelta(float learningRate, float rho, float epsilon, float weightDecay) implements FusedOptimizer {

    public Adadelta {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("rho", rho);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
    }

    public Adadelta learningRate(float value) {
        return new Adadelta(value, rho, epsilon, weightDecay);
    }

    public Adadelta rho(float value) {
        return new Adadelta(learningRate, value, epsilon, weightDecay);
    }

    public Adadelta epsilon(float value) {
        return new Adadelta(learningRate, rho, value, weightDecay);
    }

    public Adadelta weightDecay(float value) {
        return new Adadelta(learningRate, rho, epsilon, value);
    }

    @Override
    public float momentum() {
        return 0;
    }

    @Override
    public UpdateRule rule() {
        return new AdaptiveRule.Adadelta(rho, epsilon, weightDecay);
    }
}
