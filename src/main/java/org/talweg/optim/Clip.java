package org.talweg.optim;

/**
 * Gradient clipping, folded into the update: it costs no pass over memory.
 *
 * @param maxNorm largest 2-norm of all gradients together; infinite for no clipping
 */
public record Clip(float maxNorm) {

    public Clip {
        if (!(maxNorm > 0)) {
            throw new IllegalArgumentException("clip norm is " + maxNorm + "; it must be above 0");
        }
    }

    /** Scales all gradients by min(1, maxNorm / (norm + 1e-6)): PyTorch's {@code clip_grad_norm_}. */
    public static Clip byGlobalNorm(float maxNorm) {
        return new Clip(maxNorm);
    }

    public static Clip none() {
        return new Clip(Float.POSITIVE_INFINITY);
    }
}
