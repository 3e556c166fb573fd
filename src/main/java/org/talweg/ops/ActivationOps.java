package org.talweg.ops;

import org.talweg.tensor.Tensor;

/** Activations on their own, for values that no dense epilogue covers, and softmax, which needs whole rows. */
public interface ActivationOps {

    /** output = f(input), elementwise; {@code output} may be {@code input}. */
    void forward(Tensor input, Activation activation, Tensor output);

    /**
     * inputGradient = gradient ⊙ f'(saved), elementwise; {@code inputGradient} may be {@code gradient}.
     *
     * @param saved      the activation's output or input, as {@link Activation#saved} says; null for identity
     * @param accumulate add to what {@code inputGradient} holds instead of overwriting it
     */
    void backward(Tensor gradient, Activation activation, Tensor saved, boolean accumulate,
                            Tensor inputGradient);

    /**
     * Per row of [rows×columns], with m the row's maximum and S = Σ exp(z − m): a = exp(z − m) / S, or its logarithm
     * a = z − m − log S. A row that holds NaN or +∞, or nothing but −∞, becomes NaN.
     *
     * @param log    whether the logarithm is wanted
     * @param output may be {@code input}
     */
    void softmax(Tensor input, boolean log, Tensor output);

    /**
     * Per row, with g the gradient of a: dz = a ⊙ (g − Σ g ⊙ a), or for the logarithm dz = g − exp(a) Σ g.
     *
     * @param output        a
     * @param accumulate    add to what {@code inputGradient} holds instead of overwriting it
     * @param inputGradient may be {@code gradient}
     */
    void softmaxBackward(Tensor gradient, Tensor output, boolean log, boolean accumulate, Tensor inputGradient);
}
