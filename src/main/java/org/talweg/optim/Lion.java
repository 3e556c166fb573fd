package org.talweg.optim;

import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.UpdateRule;

/**
 * Lion (Chen et al. 2023): each step has the size of the learning rate, and a sign; formula in {@link AdaptiveRule.Lion}.
 * Settings and defaults are the paper's. The learning rate should be 3 to 10 times smaller than AdamW's, the weight decay
 * as much larger.
 *
 * @param beta1       share of the momentum in a step's direction; a schedule may move it
 * @param beta2       decay of the momentum
 * @param weightDecay parameters shrink by learning rate × weight decay
 */
public record Lion(float learningRate, float beta1, float beta2, float weightDecay) implements FusedOptimizer {

    public Lion {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("beta1", beta1);
        Checks.decay("beta2", beta2);
        Checks.atLeastZero("weight decay", weightDecay);
    }

    public Lion learningRate(float value) {
        return new Lion(value, beta1, beta2, weightDecay);
    }

    public Lion betas(float first, float second) {
        return new Lion(learningRate, first, second, weightDecay);
    }

    public Lion weightDecay(float value) {
        return new Lion(learningRate, beta1, beta2, value);
    }

    @Override
    public float momentum() {
        return beta1;
    }

    @Override
    public UpdateRule rule() {
        return new AdaptiveRule.Lion(beta2, weightDecay);
    }
}
