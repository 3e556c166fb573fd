package org.talweg.optim;

import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.UpdateRule;

/**
 * Adamax (Kingma and Ba 2015, section 7.1), Adam with the largest gradient in place of the root of the mean square;
 * formula in {@link AdaptiveRule.Adamax}. Settings and defaults are those of PyTorch's {@code torch.optim.Adamax}.
 *
 * @param beta1       decay of the mean of gradients; a schedule may move it
 * @param beta2       decay of the largest gradient
 * @param epsilon     added to each gradient's size
 * @param weightDecay L2 penalty, added to the gradient
 */
public record Adamax(float learningRate, float beta1, float beta2, float epsilon, float weightDecay)
    implements FusedOptimizer {

    public Adamax {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("beta1", beta1);
        Checks.decay("beta2", beta2);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
    }

    public Adamax learningRate(float value) {
        return new Adamax(value, beta1, beta2, epsilon, weightDecay);
    }

    public Adamax betas(float first, float second) {
        return new Adamax(learningRate, first, second, epsilon, weightDecay);
    }

    public Adamax epsilon(float value) {
        return new Adamax(learningRate, beta1, beta2, value, weightDecay);
    }

    public Adamax weightDecay(float value) {
        return new Adamax(learningRate, beta1, beta2, epsilon, value);
    }

    @Override
    public float momentum() {
        return beta1;
    }

    @Override
    public UpdateRule rule() {
        return new AdaptiveRule.Adamax(beta2, epsilon, weightDecay);
    }
}
