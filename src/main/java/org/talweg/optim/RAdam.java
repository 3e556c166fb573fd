package org.talweg.optim;

import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.UpdateRule;

/**
 * RAdam (Liu et al. 2020), Adam that takes plain momentum steps until its second moment is known well enough; formula in
 * {@link AdaptiveRule.RAdam}. Settings and defaults are those of PyTorch's {@code torch.optim.RAdam}.
 *
 * @param beta1       decay of the mean of gradients; a schedule may move it
 * @param beta2       decay of the mean of squared gradients
 * @param epsilon     added to the root of the second moment
 * @param weightDecay decoupled: parameters shrink by learning rate × weight decay; else an L2 penalty added to the
 *                    gradient
 * @param decoupled   weight decay as in AdamW
 * @param correctedEpsilon epsilon added to the root of the second moment after bias correction, as in Adam and in optax,
 *                    not before, as in PyTorch
 */
public record RAdam(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled,
                    boolean correctedEpsilon) implements FusedOptimizer {

    public RAdam {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("beta1", beta1);
        Checks.decay("beta2", beta2);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
    }

    public RAdam learningRate(float value) {
        return new RAdam(value, beta1, beta2, epsilon, weightDecay, decoupled, correctedEpsilon);
    }

    public RAdam betas(float first, float second) {
        return new RAdam(learningRate, first, second, epsilon, weightDecay, decoupled, correctedEpsilon);
    }

    public RAdam epsilon(float value) {
        return new RAdam(learningRate, beta1, beta2, value, weightDecay, decoupled, correctedEpsilon);
    }

    public RAdam weightDecay(float value) {
        return new RAdam(learningRate, beta1, beta2, epsilon, value, decoupled, correctedEpsilon);
    }

    public RAdam decoupled(boolean value) {
        return new RAdam(learningRate, beta1, beta2, epsilon, weightDecay, value, correctedEpsilon);
    }

    public RAdam correctedEpsilon(boolean value) {
        return new RAdam(learningRate, beta1, beta2, epsilon, weightDecay, decoupled, value);
    }

    @Override
    public float momentum() {
        return beta1;
    }

    @Override
    public UpdateRule rule() {
        return new AdaptiveRule.RAdam(beta2, epsilon, weightDecay, decoupled, correctedEpsilon);
    }
}
