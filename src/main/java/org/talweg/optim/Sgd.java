package org.talweg.optim;

import org.talweg.ops.UpdateRule;

/**
 * Stochastic gradient descent, with momentum if asked for; formula in {@link UpdateRule.Sgd}. Settings and defaults
 * are those of PyTorch's {@code torch.optim.SGD}.
 *
 * @param momentum    share of the last step's direction that is kept; 0 for none. A schedule may move it
 * @param dampening   share of the gradient that does not enter the momentum
 * @param nesterov    step along the gradient plus the momentum to come (Sutskever et al. 2013)
 * @param velocity    momentum of steps rather than of gradients, as in Keras: v ← μv − ηg, p ← p + v
 * @param weightDecay L2 penalty, added to the gradient
 */
public record Sgd(float learningRate, float momentum, float dampening, boolean nesterov, boolean velocity,
                  float weightDecay) implements FusedOptimizer {

    public Sgd {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.atLeastZero("momentum", momentum);
        Checks.atLeastZero("weight decay", weightDecay);
        if (!(Math.abs(dampening) < Float.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("dampening is " + dampening + "; it must be finite");
        }
    }

    public Sgd learningRate(float value) {
        return new Sgd(value, momentum, dampening, nesterov, velocity, weightDecay);
    }

    public Sgd momentum(float value) {
        return new Sgd(learningRate, value, dampening, nesterov, velocity, weightDecay);
    }

    public Sgd dampening(float value) {
        return new Sgd(learningRate, momentum, value, nesterov, velocity, weightDecay);
    }

    public Sgd nesterov(boolean value) {
        return new Sgd(learningRate, momentum, dampening, value, velocity, weightDecay);
    }

    public Sgd velocity(boolean value) {
        return new Sgd(learningRate, momentum, dampening, nesterov, value, weightDecay);
    }

    public Sgd weightDecay(float value) {
        return new Sgd(learningRate, momentum, dampening, nesterov, velocity, value);
    }

    @Override
    public UpdateRule rule() {
        if (nesterov && (momentum == 0 || dampening != 0)) {
            throw new IllegalArgumentException("Nesterov momentum needs a momentum above 0 and no dampening, not "
                + momentum + " and " + dampening + "; write sgd().momentum(0.9f).nesterov(true)");
        }
        if (velocity && (momentum == 0 || dampening != 0)) {
            throw new IllegalArgumentException("a velocity needs a momentum above 0 and no dampening, not " + momentum
                + " and " + dampening + "; write sgd().momentum(0.9f).velocity(true)");
        }
        return new UpdateRule.Sgd(momentum != 0, dampening, nesterov, velocity, weightDecay);
    }
}
