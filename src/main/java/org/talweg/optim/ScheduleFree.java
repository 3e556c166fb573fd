package org.talweg.optim;

import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.Device;
import org.talweg.ops.UpdateRule;

/**
 * Schedule-free AdamW (Defazio et al. 2024): needs no schedule, because what it returns is an average of its steps;
 * formula in {@link AdaptiveRule.ScheduleFree}. Gradients are taken at one point and the model is evaluated at another, to
 * which {@link Optimizer.State#beforeEvaluation} moves it; a trainer does that. Settings and defaults are those of the
 * authors' {@code AdamWScheduleFree}. A warm-up helps; a falling schedule is not wanted.
 *
 * @param beta1       share of the average in the point where gradients are taken
 * @param beta2       decay of the mean of squared gradients
 * @param epsilon     added to the root of the second moment
 * @param weightDecay decoupled, at the point where gradients are taken
 */
public record ScheduleFree(float learningRate, float beta1, float beta2, float epsilon, float weightDecay)
    implements FusedOptimizer {

    public ScheduleFree {
        Checks.atLeastZero("learning rate", learningRate);
        if (!(beta1 > 0 && beta1 < 1)) {
            throw new IllegalArgumentException("beta1 is " + beta1 + "; it must be above 0 and below 1");
        }
        Checks.decay("beta2", beta2);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
    }

    public ScheduleFree learningRate(float value) {
        return new ScheduleFree(value, beta1, beta2, epsilon, weightDecay);
    }

    public ScheduleFree betas(float first, float second) {
        return new ScheduleFree(learningRate, first, second, epsilon, weightDecay);
    }

    public ScheduleFree epsilon(float value) {
        return new ScheduleFree(learningRate, beta1, beta2, value, weightDecay);
    }

    public ScheduleFree weightDecay(float value) {
        return new ScheduleFree(learningRate, beta1, beta2, epsilon, value);
    }

    @Override
    public float momentum() {
        return beta1;
    }

    @Override
    public UpdateRule rule() {
        return new AdaptiveRule.ScheduleFree(beta2, epsilon, weightDecay);
    }

    @Override
    public State newState(Device device, ParameterLayout layout, Clip clip) {
        return new AveragedState(device, this, layout, clip);
    }
}
