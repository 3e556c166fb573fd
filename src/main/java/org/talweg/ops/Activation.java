package org.talweg.ops;

/** Elementwise activations that dense kernels fuse into their epilogue. */
public enum Activation {
    /** f(z) = z. */
    IDENTITY(Saved.NOTHING),
    /**
     * f(z) = max(z, 0), f'(0) = 0. NaN stays NaN. The derivative chooses rather than multiplies: where a > 0 the
     * gradient, else 0, even for a gradient that is not finite.
     */
    RELU(Saved.OUTPUT),
    /** f(z) = tanh z, f' = 1 − a². */
    TANH(Saved.OUTPUT),
    /** f(z) = 1 / (1 + e⁻ᶻ), f' = a (1 − a). */
    SIGMOID(Saved.OUTPUT),
    /**
     * f(z) = z Φ(z) with the exact normal distribution Φ(z) = (1 + erf(z / √2)) / 2, PyTorch's default;
     * f' = Φ(z) + z φ(z). Hendrycks and Gimpel 2016.
     */
    GELU(Saved.INPUT);

    /** What the derivative is computed from. */
    public enum Saved {
        NOTHING, OUTPUT, INPUT
    }

    private final Saved saved;

    Activation(Saved saved) {
        this.saved = saved;
    }

    /** Whether the backward pass needs the output a = f(z), the input z, or neither. */
    public Saved saved() {
        return saved;
    }
}
