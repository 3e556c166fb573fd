package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.UpdateRule;

/**
 * Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal by five steps of a Newton–Schulz iteration on the
 * device, so that every direction in a weight matrix is learned at the same pace. AdamW for parameters that are no matrices.
 * Formula in {@link MeasuredRule.Muon}; settings and defaults are those of PyTorch's {@code torch.optim.Muon}, but for the
 * shape, with which one learning rate suits matrices and the rest.
 *
 * @param learningRate of the matrices
 * @param momentum     share of the last direction that is kept; a schedule may move it
 * @param nesterov     along the gradient plus the momentum to come
 * @param weightDecay  decoupled, for all parameters
 * @param epsilon      norms count as at least this
 * @param steps        of the iteration
 * @param matchRms     scales by 0.2 √max(rows, columns), which is as long as AdamW's step (Liu et al. 2025); else by
 *                     √max(1, rows / columns)
 * @param biasCorrected corrects momentum and gradient for the first steps, as optax does
 * @param restRate     what the learning rate is multiplied by for AdamW
 * @param beta1        AdamW's
 * @param beta2        AdamW's
 */
public record Muon(float learningRate, float momentum, boolean nesterov, float weightDecay, float epsilon, int steps,
                   boolean matchRms, boolean biasCorrected, float restRate, float beta1, float beta2)
    implements Optimizer {

    public Muon {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("momentum", momentum);
        Checks.atLeastZero("weight decay", weightDecay);
        Checks.aboveZero("epsilon", epsilon);
        if (steps < 1) {
            throw new IllegalArgumentException(steps + " steps of the iteration; at least 1 is needed");
        }
        Checks.atLeastZero("rate of the rest", restRate);
        Checks.decay("beta1", beta1);
        Checks.decay("beta2", beta2);
    }

    public Muon learningRate(float value) {
        return new Muon(value, momentum, nesterov, weightDecay, epsilon, steps, matchRms, biasCorrected, restRate,
            beta1, beta2);
    }

    public Muon momentum(float value) {
        return new Muon(learningRate, value, nesterov, weightDecay, epsilon, steps, matchRms, biasCorrected, restRate,
            beta1, beta2);
    }

    public Muon nesterov(boolean value) {
        return new Muon(learningRate, momentum, value, weightDecay, epsilon, steps, matchRms, biasCorrected, restRate,
            beta1, beta2);
    }

    public Muon weightDecay(float value) {
        return new Muon(learningRate, momentum, nesterov, value, epsilon, steps, matchRms, biasCorrected, restRate,
            beta1, beta2);
    }

    public Muon epsilon(float value) {
        return new Muon(learningRate, momentum, nesterov, weightDecay, value, steps, matchRms, biasCorrected,
            restRate, beta1, beta2);
    }

    public Muon steps(int value) {
        return new Muon(learningRate, momentum, nesterov, weightDecay, epsilon, value, matchRms, biasCorrected,
            restRate, beta1, beta2);
    }

    public Muon matchRms(boolean value) {
        return new Muon(learningRate, momentum, nesterov, weightDecay, epsilon, steps, value, biasCorrected, restRate,
            beta1, beta2);
    }

    public Muon biasCorrected(boolean value) {
        return new Muon(learningRate, momentum, nesterov, weightDecay, epsilon, steps, matchRms, value, restRate,
            beta1, beta2);
    }

    public Muon restRate(float value) {
        return new Muon(learningRate, momentum, nesterov, weightDecay, epsilon, steps, matchRms, biasCorrected, value,
            beta1, beta2);
    }

    public Muon betas(float first, float second) {
        return new Muon(learningRate, momentum, nesterov, weightDecay, epsilon, steps, matchRms, biasCorrected,
            restRate, first, second);
    }

    MeasuredRule.Muon rule() {
        return new MeasuredRule.Muon(epsilon, weightDecay, nesterov, biasCorrected,
            new UpdateRule.Adam(beta2, 1e-8f, weightDecay, true, false, 0, false), beta1, restRate);
    }

    @Override
    public State newState(Device device, ParameterLayout layout, Clip clip) {
        return new MuonState(device, this, layout, clip);
    }
}
