package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.UpdateRule;

/**
 * Prodigy (Mishchenko and Defazio 2024), Adam that finds its learning rate itself; formula in {@link MeasuredRule.Prodigy}.
 * The learning rate given multiplies the one that is found: leave it at 1, and let a schedule go down from there.
 *
 * @param beta1       decay of the mean of gradients; a schedule may move it
 * @param beta2       decay of the mean of squared gradients
 * @param epsilon     added to the root of the second moment, times the step size
 * @param weightDecay decoupled
 * @param initial     the first step size: small, because the estimate only grows
 * @param coefficient multiplies the estimate; above 1 for larger steps
 */
public record Prodigy(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, float initial,
                      float coefficient) implements Optimizer {

    public Prodigy {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("beta1", beta1);
        Checks.decay("beta2", beta2);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
        Checks.aboveZero("initial step size", initial);
        Checks.aboveZero("coefficient", coefficient);
    }

    public Prodigy learningRate(float value) {
        return new Prodigy(value, beta1, beta2, epsilon, weightDecay, initial, coefficient);
    }

    public Prodigy betas(float first, float second) {
        return new Prodigy(learningRate, first, second, epsilon, weightDecay, initial, coefficient);
    }

    public Prodigy epsilon(float value) {
        return new Prodigy(learningRate, beta1, beta2, value, weightDecay, initial, coefficient);
    }

    public Prodigy weightDecay(float value) {
        return new Prodigy(learningRate, beta1, beta2, epsilon, value, initial, coefficient);
    }

    public Prodigy initial(float value) {
        return new Prodigy(learningRate, beta1, beta2, epsilon, weightDecay, value, coefficient);
    }

    public Prodigy coefficient(float value) {
        return new Prodigy(learningRate, beta1, beta2, epsilon, weightDecay, initial, value);
    }

    @Override
    public float momentum() {
        return beta1;
    }

    UpdateRule rule() {
        return new MeasuredRule.Prodigy(beta2, epsilon, weightDecay, initial, coefficient);
    }

    @Override
    public State newState(Device device, ParameterLayout layout, Clip clip) {
        return new MeasuredState(device, rule(), layout, clip);
    }
}
