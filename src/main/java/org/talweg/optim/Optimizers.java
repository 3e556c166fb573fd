package org.talweg.optim;

/** The optimizers, with PyTorch's defaults. */
public final class Optimizers {
    private Optimizers() {
    }

    /** Learning rate 0.001, nothing else; {@link Sgd#momentum} is usually wanted. */
    public static Sgd sgd() {
        return new Sgd(1e-3f, 0, 0, false, false, 0);
    }

    /** Learning rate 0.001, betas 0.9 and 0.999, epsilon 1e-8, no weight decay. */
    public static Adam adam() {
        return new Adam(1e-3f, 0.9f, 0.999f, 1e-8f, 0, false, false);
    }

    /** As {@link #adam} with a decoupled weight decay of 0.01. */
    public static Adam adamW() {
        return new Adam(1e-3f, 0.9f, 0.999f, 1e-8f, 1e-2f, true, false);
    }
}
