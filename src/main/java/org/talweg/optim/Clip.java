package org.talweg.optim;

import org.talweg.ops.ClipRule;

/**
 * Gradient clipping. Kinds go together: {@code Clip.byValue(0.5f).and(Clip.byGlobalNorm(1))}; the order is always
 * adaptive, by value, by norm. A step with a gradient that is NaN or infinite is skipped, whatever the clipping.
 *
 * <p>Limits of single values and the global 2-norm are folded into the update and cost no pass over memory; other
 * norms, and norms of clamped values, read the gradients once more; adaptive clipping reads the parameters too.
 *
 * @param low             limit of single values, negative infinity for none
 * @param high            limit of single values, infinity for none
 * @param maxNorm         largest norm, infinity for none
 * @param order           of the norm: 2, 1, infinity or any other from 1 on
 * @param perParameter    whether each parameter has a norm of its own
 * @param adaptive        largest ratio of a unit's gradient norm to its parameter norm, infinity for none
 * @param adaptiveEpsilon parameter norms count as at least this
 * @param negated         whether gradients change their sign after all that, so that steps climb: what
 *                        {@link Optimizer#maximize} asks for
 */
public record Clip(float low, float high, float maxNorm, float order, boolean perParameter, float adaptive,
                   float adaptiveEpsilon, boolean negated) {
    private static final float INFINITY = Float.POSITIVE_INFINITY;
    private static final Clip NONE = new Clip(-INFINITY, INFINITY, INFINITY, 2, false, INFINITY, 1e-3f,
        false);

    public Clip {
        new ClipRule(low, high, order, maxNorm, negated);
        if (!(adaptive > 0 && adaptiveEpsilon > 0)) {
            throw new IllegalArgumentException("adaptive clipping with ratio " + adaptive + " and epsilon "
                + adaptiveEpsilon + "; both must be above 0");
        }
    }

    public static Clip none() {
        return NONE;
    }

    /** Scales all gradients by min(1, maxNorm / (norm + 1e-6)): PyTorch's {@code clip_grad_norm_}. */
    public static Clip byGlobalNorm(float maxNorm) {
        return byGlobalNorm(maxNorm, 2);
    }

    /** @param order of the norm: 1, 2, {@link Float#POSITIVE_INFINITY} for the largest value, or another from 1 on */
    public static Clip byGlobalNorm(float maxNorm, float order) {
        return new Clip(NONE.low, NONE.high, maxNorm, order, false, NONE.adaptive, NONE.adaptiveEpsilon, false);
    }

    /** As {@link #byGlobalNorm}, each parameter for itself: Keras's {@code clipnorm}. */
    public static Clip byParameterNorm(float maxNorm) {
        return byParameterNorm(maxNorm, 2);
    }

    public static Clip byParameterNorm(float maxNorm, float order) {
        return new Clip(NONE.low, NONE.high, maxNorm, order, true, NONE.adaptive, NONE.adaptiveEpsilon, false);
    }

    /** Limits every value to ±limit: PyTorch's {@code clip_grad_value_}. */
    public static Clip byValue(float limit) {
        return byValue(-limit, limit);
    }

    /** @param low below 0; @param high above 0 */
    public static Clip byValue(float low, float high) {
        return new Clip(low, high, NONE.maxNorm, NONE.order, false, NONE.adaptive, NONE.adaptiveEpsilon, false);
    }

    /**
     * Adaptive gradient clipping (Brock et al. 2021), unit by unit: row of a matrix, filter, or the whole of a bias.
     * A gradient longer than ratio · max(‖parameters‖, 0.001) is scaled down to that.
     *
     * @param ratio 0.01 is usual
     */
    public static Clip adaptive(float ratio) {
        return new Clip(NONE.low, NONE.high, NONE.maxNorm, NONE.order, false, ratio, NONE.adaptiveEpsilon, false);
    }

    /**
     * Both.
     *
     * @throws IllegalArgumentException if both are of the same kind
     */
    public Clip and(Clip other) {
        if (limitsValues() && other.limitsValues() || maxNorm < INFINITY && other.maxNorm < INFINITY
            || isAdaptive() && other.isAdaptive()) {
            throw new IllegalArgumentException("two clippings of one kind: " + this + " and " + other);
        }
        Clip values = limitsValues() ? this : other;
        Clip norm = maxNorm < INFINITY ? this : other;
        Clip units = isAdaptive() ? this : other;
        return new Clip(values.low, values.high, norm.maxNorm, norm.order, norm.perParameter, units.adaptive,
            units.adaptiveEpsilon, negated || other.negated);
    }

    /** The same for steps that climb. */
    Clip climbing() {
        return new Clip(low, high, maxNorm, order, perParameter, adaptive, adaptiveEpsilon, true);
    }

    boolean limitsValues() {
        return rule().limitsValues();
    }

    boolean limitsNorm() {
        return maxNorm < INFINITY;
    }

    boolean isAdaptive() {
        return adaptive < INFINITY;
    }

    /** What is folded into the update. */
    ClipRule rule() {
        return new ClipRule(low, high, order, maxNorm, negated);
    }
}
