package org.talweg.ops;

import java.util.List;

/**
 * An optimizer that treats every element alike: what {@link UpdateOps#apply} does to a parameter p, its gradient g and
 * its state, all in one pass over memory.
 *
 * <p>The formulas are written with η for the learning rate, μ for the momentum (β₁ for Adam's kin), both from the
 * {@link StepState#schedule}, t for the step that is taken, λ for the weight decay. {@code fma(a, b, c)} = a · b + c
 * with one rounding; everything else rounds once per operation in the order written, in float32. What depends on the
 * step alone is a {@linkplain #scalars step scalar}, computed once in double and rounded once. <i>L2</i> stands for
 * g ← fma(λ, p, g), <i>decay</i> for p ← p · (1 − η · λ). The gradient is clipped before, and negated where the step is
 * to climb, as with PyTorch's {@code maximize}: g ← factor · clamp(g).
 * Segments multiply η, every scalar that has η as a factor, and λ by their own numbers.
 */
public sealed interface UpdateRule permits UpdateRule.Sgd, UpdateRule.Adam, AdaptiveRule, MeasuredRule {
    /** Doubles that a rule may keep in {@link StepState#memory} from step to step. */
    int MEMORY = 4;
    /** Most step scalars of a rule. */
    int SCALARS = 14;
    /** Most settings of a rule. */
    int SETTINGS = 8;

    /** The file of the kernel, {@code kernels/update.cu} unless said otherwise. */
    default String family() {
        return "update";
    }

    /** Name of the kernel; that of the first phase, if there is one, ends in {@code _measure}. */
    String kernel();

    /** What the kernel {@code prepare_step} knows the rule's step scalars by: its place among the rules. */
    default int number() {
        return List.of(Sgd.class, Adam.class, AdaptiveRule.Adagrad.class, AdaptiveRule.RmsProp.class,
            AdaptiveRule.Adadelta.class, AdaptiveRule.Adamax.class, AdaptiveRule.NAdam.class, AdaptiveRule.RAdam.class,
            AdaptiveRule.Lion.class, AdaptiveRule.ScheduleFree.class, MeasuredRule.Lamb.class, MeasuredRule.Prodigy.class,
            MeasuredRule.Muon.class).indexOf(getClass());
    }

    /** State tensors, each as long as the parameters, zero at first unless {@link #initialValue} says otherwise. */
    int buffers();

    /** Whether {@link UpdateOps#apply} clips what it is given: not if that is no gradient any more. */
    default boolean clips() {
        return true;
    }

    default float initialValue() {
        return 0;
    }

    /** Doubles of {@link StepState#memory} that it keeps from step to step: the first ones. */
    default int memory() {
        return 0;
    }

    /** What the step scalars are computed from, beside step, learning rate and momentum: at most {@link #SETTINGS}. */
    double[] settings();

    /**
     * The step scalars, in double; the kernel computes the same bits.
     *
     * @param step     t, 1 for the first
     * @param rate     η
     * @param momentum μ
     * @param memory   {@link #MEMORY} doubles that outlive the step, zero before the first
     * @param scalars  {@link #SCALARS} results
     */
    void scalars(long step, double rate, double momentum, double[] memory, double[] scalars);

    /**
     * SGD, as in PyTorch: L2; without momentum d = g; with: b ← first step ? g : fma(μ, b, (1 − dampening) · g);
     * d = nesterov ? fma(μ, b, g) : b. p ← fma(−η, d, p).
     *
     * <p>As in Keras, where the learning rate is part of the momentum ({@code velocity}): v ← fma(μ, v, −η · g);
     * p ← p + (nesterov ? fma(μ, v, −η · g) : v). The two differ when the learning rate changes.
     */
    record Sgd(boolean hasMomentum, float dampening, boolean nesterov, boolean velocity, float weightDecay)
        implements UpdateRule {
        @Override
        public String kernel() {
            return !hasMomentum ? "sgd" : velocity ? "sgd_velocity" : "sgd_momentum";
        }

        @Override
        public int buffers() {
            return hasMomentum ? 1 : 0;
        }

        @Override
        public double[] settings() {
            return new double[] {dampening, weightDecay, nesterov ? 1 : 0};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            scalars[0] = 1 - (double) dampening;
            scalars[1] = weightDecay;
            scalars[2] = nesterov ? 1 : 0;
        }
    }

    /**
     * Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019; {@code decoupled}: decay instead of L2) and AMSGrad
     * (Reddi et al. 2018): m ← fma(β₁, m, (1 − β₁) · g); v ← fma(β₂, v, ((1 − β₂) · g) · g);
     * AMSGrad: w ← max(w, v), else w = v; p ← fma(−η / (1 − β₁ᵗ), m / (√(w + (1 − β₂ᵗ) ε₀) / √(1 − β₂ᵗ) + ε), p).
     * As in optax, {@code correctedMaximum}: w ← max(w, v · (1 / (1 − β₂ᵗ))), and m / (√(w + ε₀) + ε). State: m, v, w.
     *
     * @param rootEpsilon      ε₀, added to the corrected second moment before the root, as optax's {@code eps_root}; 0 in
     *                         PyTorch
     * @param correctedMaximum whether AMSGrad's maximum is of corrected second moments, which early ones dominate less
     */
    record Adam(float beta2, float epsilon, float weightDecay, boolean decoupled, boolean amsgrad, float rootEpsilon,
                boolean correctedMaximum) implements UpdateRule {
        @Override
        public String kernel() {
            return amsgrad ? "amsgrad" : "adam";
        }

        @Override
        public int buffers() {
            return amsgrad ? 3 : 2;
        }

        @Override
        public double[] settings() {
            return new double[] {beta2, epsilon, weightDecay, decoupled ? 1 : 0, rootEpsilon, correctedMaximum ? 1 : 0};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            write(step, rate, momentum, beta2, epsilon, weightDecay, decoupled, scalars);
            double correction = 1 - power(beta2, step);
            scalars[1] = correctedMaximum ? 1 : scalars[1];
            scalars[9] = correctedMaximum ? rootEpsilon : rootEpsilon * correction;
            scalars[10] = correctedMaximum ? 1 / correction : 1;
        }

        /** The first nine, which two rules more have. */
        static void write(long step, double rate, double beta1, double beta2, double epsilon, double weightDecay,
                             boolean decoupled, double[] scalars) {
            scalars[0] = rate / (1 - power(beta1, step));
            scalars[1] = Math.sqrt(1 - power(beta2, step));
            scalars[2] = 1 - beta1;
            scalars[3] = beta2;
            scalars[4] = 1 - beta2;
            scalars[5] = epsilon;
            scalars[6] = weightDecay;
            scalars[7] = decoupled ? 1 : 0;
            scalars[8] = beta1;
        }
    }

    /** base to the power of exponent by repeated squaring from the lowest bit: the same roundings everywhere. */
    static double power(double base, long exponent) {
        double result = 1;
        double square = base;
        for (long rest = exponent; rest > 0; rest >>= 1) {
            if ((rest & 1) == 1) {
                result *= square;
            }
            square *= square;
        }
        return result;
    }
}
