package org.talweg.optim;

import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.UpdateRule;

/**
 * Adagrad (Duchi, Hazan and Singer 2011); formula in {@link AdaptiveRule.Adagrad}. Settings and defaults are those of
 * PyTorch's {@code torch.optim.Adagrad}; Keras begins with {@code initialValue(0.1f).epsilon(1e-7f).epsilonInside(true)}.
 *
 * @param rateDecay     the learning rate falls as 1 / (1 + (step − 1) · rateDecay)
 * @param weightDecay   L2 penalty, added to the gradient
 * @param initialValue  of the sums of squares
 * @param epsilon       added to the root of the sums, or inside it
 * @param epsilonInside whether to the sums, before the root
 */
public record Adagrad(float learningRate, float rateDecay, float weightDecay, float initialValue, float epsilon,
                      boolean epsilonInside) implements FusedOptimizer {

    public Adagrad {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.atLeastZero("learning-rate decay", rateDecay);
        Checks.atLeastZero("weight decay", weightDecay);
        Checks.atLeastZero("initial value", initialValue);
        Checks.atLeastZero("epsilon", epsilon);
    }

    public Adagrad learningRate(float value) {
        return new Adagrad(value, rateDecay, weightDecay, initialValue, epsilon, epsilonInside);
    }

    public Adagrad rateDecay(float value) {
        return new Adagrad(learningRate, value, weightDecay, initialValue, epsilon, epsilonInside);
    }

    public Adagrad weightDecay(float value) {
        return new Adagrad(learningRate, rateDecay, value, initialValue, epsilon, epsilonInside);
    }

    public Adagrad initialValue(float value) {
        return new Adagrad(learningRate, rateDecay, weightDecay, value, epsilon, epsilonInside);
    }

    public Adagrad epsilon(float value) {
        return new Adagrad(learningRate, rateDecay, weightDecay, initialValue, value, epsilonInside);
    }

    public Adagrad epsilonInside(boolean value) {
        return new Adagrad(learningRate, rateDecay, weightDecay, initialValue, epsilon, value);
    }

    @Override
    public float momentum() {
        return 0;
    }

    @Override
    public UpdateRule rule() {
        return new AdaptiveRule.Adagrad(rateDecay, weightDecay, initialValue, epsilon, epsilonInside);
    }
}
