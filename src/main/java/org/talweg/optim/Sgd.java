package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.ops.StepState;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Stochastic gradient descent, with momentum if asked for; formula in {@link org.talweg.ops.UpdateOps#sgd}. Settings
 * and defaults are those of PyTorch's {@code torch.optim.SGD}.
 *
 * @param momentum    share of the last step's direction that is kept; 0 for none
 * @param dampening   share of the gradient that does not enter the momentum
 * @param nesterov    step along the gradient plus the momentum to come (Sutskever et al. 2013)
 * @param weightDecay L2 penalty, added to the gradient
 */
public record Sgd(float learningRate, float momentum, float dampening, boolean nesterov, float weightDecay)
    implements Optimizer {

    public Sgd {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.atLeastZero("momentum", momentum);
        Checks.atLeastZero("weight decay", weightDecay);
        if (!(Math.abs(dampening) < Float.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("dampening is " + dampening + "; it must be finite");
        }
    }

    public Sgd learningRate(float value) {
        return new Sgd(value, momentum, dampening, nesterov, weightDecay);
    }

    public Sgd momentum(float value) {
        return new Sgd(learningRate, value, dampening, nesterov, weightDecay);
    }

    public Sgd dampening(float value) {
        return new Sgd(learningRate, momentum, value, nesterov, weightDecay);
    }

    public Sgd nesterov(boolean value) {
        return new Sgd(learningRate, momentum, dampening, value, weightDecay);
    }

    public Sgd weightDecay(float value) {
        return new Sgd(learningRate, momentum, dampening, nesterov, value);
    }

    /**
     * @throws IllegalArgumentException if Nesterov's form is asked for without momentum or with dampening
     */
    @Override
    public State newState(Device device, long length) {
        if (nesterov && (momentum == 0 || dampening != 0)) {
            throw new IllegalArgumentException("Nesterov momentum needs a momentum above 0 and no dampening, not "
                + momentum + " and " + dampening + "; write sgd().momentum(0.9f).nesterov(true)");
        }
        Tensor buffer = momentum == 0 ? null
            : device.allocate(DType.FLOAT32, Shape.of(Math.toIntExact(length)), "SGD momentum");
        return new SgdState(this, buffer);
    }

    private record SgdState(Sgd settings, Tensor momentumBuffer) implements State {
        @Override
        public float beta1() {
            return 0;
        }

        @Override
        public float beta2() {
            return 0;
        }

        @Override
        public void apply(Ops ops, Tensor parameters, Tensor gradients, StepState state) {
            ops.update().sgd(parameters, gradients, momentumBuffer, state, settings.momentum, settings.dampening,
                settings.nesterov, settings.weightDecay);
        }

        @Override
        public void close() {
            if (momentumBuffer != null) {
                momentumBuffer.buffer().close();
            }
        }
    }
}
