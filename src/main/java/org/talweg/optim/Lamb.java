package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.UpdateRule;

/**
 * LAMB (You et al. 2020), AdamW whose step is as long as each parameter's norm says, for very large batches; formula in
 * {@link MeasuredRule.Lamb}. Settings and defaults are those of optax's {@code lamb}, with the paper's weight decay.
 *
 * @param beta1       decay of the mean of gradients; a schedule may move it
 * @param beta2       decay of the mean of squared gradients
 * @param epsilon     added to the root of the second moment
 * @param weightDecay part of the direction, before it is scaled
 */
public record Lamb(float learningRate, float beta1, float beta2, float epsilon, float weightDecay)
    implements Optimizer {

    public Lamb {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("beta1", beta1);
        Checks.decay("beta2", beta2);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
    }

    public Lamb learningRate(float value) {
        return new Lamb(value, beta1, beta2, epsilon, weightDecay);
    }

    public Lamb betas(float first, float second) {
        return new Lamb(learningRate, first, second, epsilon, weightDecay);
    }

    public Lamb epsilon(float value) {
        return new Lamb(learningRate, beta1, beta2, value, weightDecay);
    }

    public Lamb weightDecay(float value) {
        return new Lamb(learningRate, beta1, beta2, epsilon, value);
    }

    @Override
    public float momentum() {
        return beta1;
    }

    UpdateRule rule() {
        return new MeasuredRule.Lamb(beta2, epsilon, weightDecay);
    }

    @Override
    public State newState(Device device, ParameterLayout layout, Clip clip) {
        return new MeasuredState(device, rule(), layout, clip);
    }
}
