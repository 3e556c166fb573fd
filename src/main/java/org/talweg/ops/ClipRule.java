package org.talweg.ops;

/**
 * Gradient clipping that is folded into the update: g ← factor · clamp(g, low, high), with the factor
 * min(1, maxNorm / (norm + 1e-6)) of PyTorch's {@code clip_grad_norm_}, where norm = (Σ |clamp(g)|^order)^(1/order),
 * or max |clamp(g)| if the order is infinite. Negated, the update climbs.
 *
 * @param low     below 0, negative infinity for no limit
 * @param high    above 0, infinity for no limit
 * @param order   at least 1, may be infinite
 * @param maxNorm above 0, infinity for no limit
 * @param negated whether the step's factor is −factor
 */
public record ClipRule(float low, float high, float order, float maxNorm, boolean negated) {
    /** Added to the norm before it divides. */
    public static final double EPSILON = 1e-6;
    /** Changes nothing; the norm is the 2-norm. */
    public static final ClipRule NONE =
        new ClipRule(Float.NEGATIVE_INFINITY, Float.POSITIVE_INFINITY, 2, Float.POSITIVE_INFINITY, false);

    public ClipRule {
        if (!(low < 0 && high > 0)) {
            throw new IllegalArgumentException("clip values from " + low + " to " + high
                + "; the lower must be below 0 and the upper above");
        }
        if (!(order >= 1)) {
            throw new IllegalArgumentException("a norm of order " + order + "; it must be at least 1");
        }
        if (!(maxNorm > 0)) {
            throw new IllegalArgumentException("clip norm is " + maxNorm + "; it must be above 0");
        }
    }

    /** Whether single values are limited. */
    public boolean limitsValues() {
        return low > Float.NEGATIVE_INFINITY || high < Float.POSITIVE_INFINITY;
    }

    /** What a sum of {@code order}-th powers, or the largest value, is the norm of. */
    public double norm(double sum) {
        return order == 2 ? Math.sqrt(sum)
            : order == 1 || order == Float.POSITIVE_INFINITY ? sum : Math.pow(sum, 1.0 / order);
    }

    /** What gradients of this norm are multiplied by. */
    public double factor(double norm) {
        return Math.min(1, maxNorm / (norm + EPSILON));
    }

    /** {@link #factor}, with the sign of the step: {@link StepState#CONTROL_CLIP_FACTOR}. */
    public double stepFactor(double norm) {
        return negated ? -factor(norm) : factor(norm);
    }
}
