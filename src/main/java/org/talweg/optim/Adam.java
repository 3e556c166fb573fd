package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.ops.StepState;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019); formula in
 * {@link org.talweg.ops.UpdateOps#adam}. Settings and defaults are those of PyTorch's {@code torch.optim.Adam} and
 * {@code AdamW}.
 *
 * @param beta1       decay of the mean of gradients
 * @param beta2       decay of the mean of squared gradients
 * @param epsilon     added to the root of the second moment
 * @param weightDecay decoupled: parameters shrink by learning rate × weight decay; else an L2 penalty added to the
 *                    gradient
 * @param decoupled   AdamW rather than Adam
 */
public record Adam(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled)
    implements Optimizer {

    public Adam {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("beta1", beta1);
        Checks.decay("beta2", beta2);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
    }

    public Adam learningRate(float value) {
        return new Adam(value, beta1, beta2, epsilon, weightDecay, decoupled);
    }

    public Adam betas(float first, float second) {
        return new Adam(learningRate, first, second, epsilon, weightDecay, decoupled);
    }

    public Adam epsilon(float value) {
        return new Adam(learningRate, beta1, beta2, value, weightDecay, decoupled);
    }

    public Adam weightDecay(float value) {
        return new Adam(learningRate, beta1, beta2, epsilon, value, decoupled);
    }

    @Override
    public State newState(Device device, long length) {
        Shape shape = Shape.of(Math.toIntExact(length));
        Tensor first = device.allocate(DType.FLOAT32, shape, "Adam first moment");
        try {
            return new AdamState(this, first, device.allocate(DType.FLOAT32, shape, "Adam second moment"));
        } catch (RuntimeException e) {
            first.buffer().close();
            throw e;
        }
    }

    private record AdamState(Adam settings, Tensor firstMoment, Tensor secondMoment) implements State {
        @Override
        public float beta1() {
            return settings.beta1;
        }

        @Override
        public float beta2() {
            return settings.beta2;
        }

        @Override
        public void apply(Ops ops, Tensor parameters, Tensor gradients, StepState state) {
            ops.update().adam(parameters, gradients, firstMoment, secondMoment, state, settings.beta1, settings.beta2,
                settings.epsilon, settings.weightDecay, settings.decoupled);
        }

        @Override
        public void close() {
            firstMoment.buffer().close();
            secondMoment.buffer().close();
        }
    }
}
