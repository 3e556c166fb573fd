package org.talweg.optim;

import org.talweg.ops.UpdateRule;

/**
 * Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019) and AMSGrad (Reddi et al. 2018); formula in
 * {@link UpdateRule.Adam}. Settings and defaults are those of PyTorch's {@code torch.optim.Adam} and {@code AdamW}, and what
 * optax has besides.
 *
 * @param beta1       decay of the mean of gradients; a schedule may move it
 * @param beta2       decay of the mean of squared gradients
 * @param epsilon     added to the root of the second moment
 * @param weightDecay decoupled: parameters shrink by learning rate × weight decay; else an L2 penalty added to the
 *                    gradient
 * @param decoupled   AdamW rather than Adam
 * @param amsgrad     divides by the largest second moment so far
 * @param rootEpsilon added to the second moment, before the root: optax's {@code eps_root}. Where gradients are
 *                    differentiated again it keeps the root's slope finite
 * @param correctedMaximum for AMSGrad: the largest second moment after bias correction, as optax has it, not before
 */
public record Adam(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled,
                   boolean amsgrad, float rootEpsilon, boolean correctedMaximum) implements FusedOptimizer {

    public Adam {
        Checks.atLeastZero("learning rate", learningRate);
        Checks.decay("beta1", beta1);
        Checks.decay("beta2", beta2);
        Checks.atLeastZero("epsilon", epsilon);
        Checks.atLeastZero("weight decay", weightDecay);
        Checks.atLeastZero("root epsilon", rootEpsilon);
    }

    public Adam learningRate(float value) {
        return new Adam(value, beta1, beta2, epsilon, weightDecay, decoupled, amsgrad, rootEpsilon, correctedMaximum);
    }

    public Adam betas(float first, float second) {
        return new Adam(learningRate, first, second, epsilon, weightDecay, decoupled, amsgrad, rootEpsilon, correctedMaximum);
    }

    public Adam epsilon(float value) {
        return new Adam(learningRate, beta1, beta2, value, weightDecay, decoupled, amsgrad, rootEpsilon, correctedMaximum);
    }

    public Adam weightDecay(float value) {
        return new Adam(learningRate, beta1, beta2, epsilon, value, decoupled, amsgrad, rootEpsilon, correctedMaximum);
    }

    public Adam amsgrad(boolean value) {
        return new Adam(learningRate, beta1, beta2, epsilon, weightDecay, decoupled, value, rootEpsilon, correctedMaximum);
    }

    public Adam rootEpsilon(float value) {
        return new Adam(learningRate, beta1, beta2, epsilon, weightDecay, decoupled, amsgrad, value, correctedMaximum);
    }

    public Adam correctedMaximum(boolean value) {
        return new Adam(learningRate, beta1, beta2, epsilon, weightDecay, decoupled, amsgrad, rootEpsilon, value);
    }

    @Override
    public float momentum() {
        return beta1;
    }

    @Override
    public UpdateRule rule() {
        if (correctedMaximum && !amsgrad) {
            throw new IllegalArgumentException("a corrected maximum is AMSGrad's; write amsgrad().correctedMaximum(true)");
        }
        return new UpdateRule.Adam(beta2, epsilon, weightDecay, decoupled, amsgrad, rootEpsilon, correctedMaximum);
    }
}
