package org.talweg.optim;

import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.UpdateRule;

/**
 * RMSProp (Tieleman and Hinton 2012); formula in {@link AdaptiveRule.RmsProp}. Settings and defaults are those of PyTorch's
 * {@code torch.optim.RMSprop}; Keras' are {@code learningRate(1e-3f).alpha(0.9f).epsilon(1e-7f).epsilonInside(true)}.
 *
 * @param alpha         decay of the mean of squared gradients
 * @param epsilon       added to the root of the mean, or inside it
 * @param weightDecay   L2 penalty, added to the gradient
 * @param centered      divides by the root of the variance instead (Graves 2013)
 * @param momentum      share of the last step's direction that is kept; 0 for none. A schedule may move it
 * @param nesterov      step along the gradient plus the momentum to come
 * @param epsilonInside whether epsilon is added to the mean, before the root
 * @param biasCorrected divides the means by what they would be of ones, as Adam does and optax may
 */
public record RmsProp(float learningRate, float alpha, float epsilon, float weightDecay, boolean centered,
                      float momentum, boolean nesterov, boolean epsilonInside, boolean biasCorrected)
    implements FusedOptimizer {

    public RmsProp {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("alpha", alpha);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
        Checks.atLeastZero("momentum", momentum);
    }

    public RmsProp learningRate(float value) {
        return new RmsProp(value, alpha, epsilon, weightDecay, centered, momentum, nesterov, epsilonInside,
            biasCorrected);
    }

    public RmsProp alpha(float value) {
        return new RmsProp(learningRate, value, epsilon, weightDecay, centered, momentum, nesterov, epsilonInside,
            biasCorrected);
    }

    public RmsProp epsilon(float value) {
        return new RmsProp(learningRate, alpha, value, weightDecay, centered, momentum, nesterov, epsilonInside,
            biasCorrected);
    }

    public RmsProp weightDecay(float value) {
        return new RmsProp(learningRate, alpha, epsilon, value, centered, momentum, nesterov, epsilonInside,
            biasCorrected);
    }

    public RmsProp centered(boolean value) {
        return new RmsProp(learningRate, alpha, epsilon, weightDecay, value, momentum, nesterov, epsilonInside,
            biasCorrected);
    }

    public RmsProp momentum(float value) {
        return new RmsProp(learningRate, alpha, epsilon, weightDecay, centered, value, nesterov, epsilonInside,
            biasCorrected);
    }

    public RmsProp nesterov(boolean value) {
        return new RmsProp(learningRate, alpha, epsilon, weightDecay, centered, momentum, value, epsilonInside,
            biasCorrected);
    }

    public RmsProp epsilonInside(boolean value) {
        return new RmsProp(learningRate, alpha, epsilon, weightDecay, centered, momentum, nesterov, value,
            biasCorrected);
    }

    public RmsProp biasCorrected(boolean value) {
        return new RmsProp(learningRate, alpha, epsilon, weightDecay, centered, momentum, nesterov, epsilonInside,
            value);
    }

    @Override
    public UpdateRule rule() {
        return new AdaptiveRule.RmsProp(alpha, epsilon, weightDecay, centered, momentum != 0, nesterov, epsilonInside,
            biasCorrected);
    }
}
