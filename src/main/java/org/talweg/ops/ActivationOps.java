package org.talweg.ops;

import org.talweg.tensor.Tensor;

/** Activations on their own, for values that no dense epilogue covers. */
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
}
