package org.talweg.optim;

import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.UpdateRule;

/**
 * NAdam (Dozat 2016), Adam with Nesterov's momentum; formula in {@link AdaptiveRule.NAdam}. Settings and defaults are those
 * of PyTorch's {@code torch.optim.NAdam}.
 *
 * @param beta1         decay of the mean of gradients; a schedule may move it
 * @param beta2         decay of the mean of squared gradients
 * @param epsilon       added to the root of the second moment
 * @param weightDecay   decoupled: parameters shrink by learning rate × weight decay; else an L2 penalty added to the
 *                      gradient
 * @param decoupled     weight decay as in AdamW
 * @param momentumDecay how fast the momentum warms up; infinity for β₁ from the first step on, as optax has it
 */
public record NAdam(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled,
                    float momentumDecay) implements FusedOptimizer {

    public NAdam {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("beta1", beta1);
        Checks.decay("beta2", beta2);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
        if (!(momentumDecay >= 0)) {
            throw new IllegalArgumentException("momentum decay is " + momentumDecay + "; it must be at least 0");
        }
    }

    public NAdam learningRate(float value) {
        return new NAdam(value, beta1, beta2, epsilon, weightDecay, decoupled, momentumDecay);
    }

    public NAdam betas(float first, float second) {
        return new NAdam(learningRate, first, second, epsilon, weightDecay, decoupled, momentumDecay);
    }

    public NAdam epsilon(float value) {
        return new NAdam(learningRate, beta1, beta2, value, weightDecay, decoupled, momentumDecay);
    }

    public NAdam weightDecay(float value) {
        return new NAdam(learningRate, beta1, beta2, epsilon, value, decoupled, momentumDecay);
    }

    public NAdam decoupled(boolean value) {
        return new NAdam(learningRate, beta1, beta2, epsilon, weightDecay, value, momentumDecay);
    }

    public NAdam momentumDecay(float value) {
        return new NAdam(learningRate, beta1, beta2, epsilon, weightDecay, decoupled, value);
    }

    @Override
    public float momentum() {
        return beta1;
    }

    @Override
    public UpdateRule rule() {
        return new AdaptiveRule.NAdam(beta2, epsilon, weightDecay, decoupled, momentumDecay);
    }
}
