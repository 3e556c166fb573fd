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
public sealed interface UpdateRule {
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
        return List.of(Sgd.class, Adam.class, Adagrad.class, RmsProp.class, Adadelta.class, Adamax.class, NAdam.class,
            RAdam.class, Lion.class, ScheduleFree.class, Lamb.class, Prodigy.class, Muon.class).indexOf(getClass());
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
            adam(step, rate, momentum, beta2, epsilon, weightDecay, decoupled, scalars);
            double correction = 1 - power(beta2, step);
            scalars[1] = correctedMaximum ? 1 : scalars[1];
            scalars[9] = correctedMaximum ? rootEpsilon : rootEpsilon * correction;
            scalars[10] = correctedMaximum ? 1 / correction : 1;
        }
    }

    /**
     * Adagrad (Duchi, Hazan and Singer 2011), as in PyTorch: L2; s ← fma(g, g, s), at first {@code initialValue};
     * p ← fma(−η / (1 + (t − 1) · rateDecay), g / (√s + ε), p). As in optax, {@code epsilonInside}: g / √(s + ε).
     */
    record Adagrad(float rateDecay, float weightDecay, float initialValue, float epsilon, boolean epsilonInside)
        implements UpdateRule {
        @Override
        public String family() {
            return "update_adaptive";
        }

        @Override
        public String kernel() {
            return "adagrad";
        }

        @Override
        public int buffers() {
            return 1;
        }

        @Override
        public double[] settings() {
            return new double[] {rateDecay, weightDecay, epsilon, epsilonInside ? 1 : 0};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            scalars[0] = rate / (1 + (step - 1) * (double) rateDecay);
            scalars[1] = weightDecay;
            scalars[2] = epsilon;
            scalars[3] = epsilonInside ? 1 : 0;
        }
    }

    /**
     * RMSProp (Tieleman and Hinton 2012), as in PyTorch: L2; v ← fma(α, v, ((1 − α) · g) · g); centered (Graves 2013):
     * a ← fma(α, a, (1 − α) · g), w = max(fma(−a, a, v), 0), else w = v; u = g / (√w + ε). As in Keras and optax,
     * {@code epsilonInside}: g / √(w + ε). As in optax, {@code biasCorrected}: (1 / (1 − αᵗ)) · v and (1 / (1 − αᵗ)) · a
     * in w, which the first steps else have too small. With momentum b ← fma(μ, b, u), d = nesterov ? fma(μ, b, u) : b,
     * else d = u; p ← fma(−η, d, p). State: v, then b, then a.
     */
    record RmsProp(float alpha, float epsilon, float weightDecay, boolean centered, boolean hasMomentum,
                   boolean nesterov, boolean epsilonInside, boolean biasCorrected) implements UpdateRule {
        @Override
        public String family() {
            return "update_adaptive";
        }

        @Override
        public String kernel() {
            return "rmsprop" + (centered ? "_centered" : "") + (hasMomentum ? "_momentum" : "");
        }

        @Override
        public int buffers() {
            return 1 + (centered ? 1 : 0) + (hasMomentum ? 1 : 0);
        }

        @Override
        public double[] settings() {
            return new double[] {alpha, epsilon, weightDecay, epsilonInside ? 1 : 0, nesterov ? 1 : 0,
                biasCorrected ? 1 : 0};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            scalars[0] = alpha;
            scalars[1] = 1 - (double) alpha;
            scalars[2] = epsilon;
            scalars[3] = weightDecay;
            scalars[4] = epsilonInside ? 1 : 0;
            scalars[5] = nesterov ? 1 : 0;
            scalars[6] = biasCorrected ? 1 / (1 - power(alpha, step)) : 1;
        }
    }

    /**
     * Adadelta (Zeiler 2012): L2; v ← fma(ρ, v, ((1 − ρ) · g) · g); d = √(u + ε) / √(v + ε) · g;
     * u ← fma(ρ, u, ((1 − ρ) · d) · d); p ← fma(−η, d, p). State: v, u.
     */
    record Adadelta(float rho, float epsilon, float weightDecay) implements UpdateRule {
        @Override
        public String family() {
            return "update_adaptive";
        }

        @Override
        public String kernel() {
            return "adadelta";
        }

        @Override
        public int buffers() {
            return 2;
        }

        @Override
        public double[] settings() {
            return new double[] {rho, epsilon, weightDecay};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            scalars[0] = rho;
            scalars[1] = 1 - (double) rho;
            scalars[2] = epsilon;
            scalars[3] = weightDecay;
        }
    }

    /**
     * Adamax (Kingma and Ba 2015, section 7.1): L2; m ← fma(β₁, m, (1 − β₁) · g); u ← max(β₂ · u, |g| + ε);
     * p ← fma(−η / (1 − β₁ᵗ), m / u, p). State: m, u.
     */
    record Adamax(float beta2, float epsilon, float weightDecay) implements UpdateRule {
        @Override
        public String family() {
            return "update_adaptive";
        }

        @Override
        public String kernel() {
            return "adamax";
        }

        @Override
        public int buffers() {
            return 2;
        }

        @Override
        public double[] settings() {
            return new double[] {beta2, epsilon, weightDecay};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            scalars[0] = rate / (1 - power(momentum, step));
            scalars[1] = 1 - momentum;
            scalars[2] = beta2;
            scalars[3] = epsilon;
            scalars[4] = weightDecay;
        }
    }

    /**
     * NAdam (Dozat 2016), as in PyTorch: L2, or decay if {@code decoupled}; moments as {@link Adam}; with
     * μₜ = β₁ (1 − ½ · 0.96^(t ψ)) and Πₜ = μ₁ ⋯ μₜ, kept in memory, and h = √v / √(1 − β₂ᵗ) + ε:
     * p ← fma(−η (1 − μₜ) / (1 − Πₜ), g / h, p); p ← fma(−η μₜ₊₁ / (1 − Πₜ μₜ₊₁), m / h, p). State: m, v.
     *
     * @param momentumDecay ψ; infinity makes every μₜ = β₁, which is optax's {@code nadam}
     */
    record NAdam(float beta2, float epsilon, float weightDecay, boolean decoupled, float momentumDecay)
        implements UpdateRule {
        @Override
        public String family() {
            return "update_adaptive";
        }

        @Override
        public String kernel() {
            return "nadam";
        }

        @Override
        public int buffers() {
            return 2;
        }

        @Override
        public double[] settings() {
            return new double[] {beta2, epsilon, weightDecay, decoupled ? 1 : 0, StrictMath.pow(0.96, momentumDecay)};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            double base = StrictMath.pow(0.96, momentumDecay);
            double now = momentum * (1 - 0.5 * power(base, step));
            double next = momentum * (1 - 0.5 * power(base, step + 1));
            double product = (step == 1 ? 1 : memory[0]) * now;
            memory[0] = product;
            scalars[0] = rate * (1 - now) / (1 - product);
            scalars[1] = rate * next / (1 - product * next);
            scalars[2] = Math.sqrt(1 - power(beta2, step));
            scalars[3] = 1 - momentum;
            scalars[4] = beta2;
            scalars[5] = 1 - (double) beta2;
            scalars[6] = epsilon;
            scalars[7] = weightDecay;
            scalars[8] = decoupled ? 1 : 0;
        }
    }

    /**
     * RAdam (Liu et al. 2020), as in PyTorch: L2, or decay if {@code decoupled}; moments as {@link Adam};
     * ρ∞ = 2 / (1 − β₂) − 1, ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ). Above 5, rectified by
     * r = √((ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ)): p ← fma(−η r √(1 − β₂ᵗ) / (1 − β₁ᵗ), m / (√v + ε), p);
     * before: p ← fma(−η / (1 − β₁ᵗ), m, p). As in optax, {@code correctedEpsilon}: ε √(1 − β₂ᵗ) in place of ε, which
     * adds ε to the root of the corrected moment, as {@link Adam} does. State: m, v.
     */
    record RAdam(float beta2, float epsilon, float weightDecay, boolean decoupled, boolean correctedEpsilon)
        implements UpdateRule {
        @Override
        public String family() {
            return "update_adaptive";
        }

        @Override
        public String kernel() {
            return "radam";
        }

        @Override
        public int buffers() {
            return 2;
        }

        @Override
        public double[] settings() {
            return new double[] {beta2, epsilon, weightDecay, decoupled ? 1 : 0, correctedEpsilon ? 1 : 0};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            double power2 = power(beta2, step);
            double limit = 2 / (1 - (double) beta2) - 1;
            double rho = limit - 2 * step * power2 / (1 - power2);
            boolean rectified = rho > 5;
            double factor = !rectified ? 1 : Math.sqrt((rho - 4) * (rho - 2) * limit
                / ((limit - 4) * (limit - 2) * rho)) * Math.sqrt(1 - power2);
            scalars[0] = rate / (1 - power(momentum, step)) * factor;
            scalars[1] = rectified ? 1 : 0;
            scalars[2] = 1 - momentum;
            scalars[3] = beta2;
            scalars[4] = 1 - (double) beta2;
            scalars[5] = correctedEpsilon ? epsilon * Math.sqrt(1 - power2) : epsilon;
            scalars[6] = weightDecay;
            scalars[7] = decoupled ? 1 : 0;
        }
    }

    /**
     * Lion (Chen et al. 2023): decay; u = fma(β₁, m, (1 − β₁) · g); p ← p − η · sign(u), sign(0) = 0;
     * m ← fma(β₂, m, (1 − β₂) · g).
     */
    record Lion(float beta2, float weightDecay) implements UpdateRule {
        @Override
        public String family() {
            return "update_adaptive";
        }

        @Override
        public String kernel() {
            return "lion";
        }

        @Override
        public int buffers() {
            return 1;
        }

        @Override
        public double[] settings() {
            return new double[] {beta2, weightDecay};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            scalars[0] = 1 - momentum;
            scalars[1] = beta2;
            scalars[2] = 1 - (double) beta2;
            scalars[3] = weightDecay;
        }
    }

    /**
     * Schedule-free AdamW (Defazio et al. 2024). The parameters are y, where gradients are taken; of the sequence z of
     * plain steps the state is w = z − y, which needs no first value, and the average to evaluate is
     * x = y + (1 − 1 / β₁) · w. With the largest rate so far r, c = r² / Σ r²: v ← fma(β₂, v, ((1 − β₂) · g) · g);
     * d = fma(λ, y, g / (√v / √(1 − β₂ᵗ) + ε)); y ← fma(η (β₁ (1 − c) − 1), d, fma(c, w, y));
     * w ← (1 − c) · fma(−η β₁, d, w). State: v, w.
     */
    record ScheduleFree(float beta2, float epsilon, float weightDecay) implements UpdateRule {
        @Override
        public String family() {
            return "update_adaptive";
        }

        @Override
        public String kernel() {
            return "schedule_free";
        }

        @Override
        public int buffers() {
            return 2;
        }

        @Override
        public double[] settings() {
            return new double[] {beta2, epsilon, weightDecay};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            memory[1] = Math.max(memory[1], rate);
            double weight = memory[1] * memory[1];
            memory[0] = memory[0] + weight;
            double share = weight == 0 ? 0 : weight / memory[0];
            scalars[0] = share;
            scalars[1] = rate * (momentum * (1 - share) - 1);
            scalars[2] = rate * momentum;
            scalars[3] = 1 - share;
            scalars[4] = Math.sqrt(1 - power(beta2, step));
            scalars[5] = beta2;
            scalars[6] = 1 - (double) beta2;
            scalars[7] = epsilon;
            scalars[8] = weightDecay;
        }
    }

    /**
     * LAMB (You et al. 2020), in two phases. First: moments as {@link Adam}; u = fma(λ, p, (m · 1 / (1 − β₁ᵗ)) /
     * (√v / √(1 − β₂ᵗ) + ε)); sums of p² and u². Then, with the segment's ratio ‖p‖ / ‖u‖, or 1 where one of them is 0:
     * p ← fma(−η · ratio, u, p). State: m, v.
     */
    record Lamb(float beta2, float epsilon, float weightDecay) implements UpdateRule {
        @Override
        public String family() {
            return "update_measured";
        }

        @Override
        public String kernel() {
            return "lamb";
        }

        @Override
        public int buffers() {
            return 2;
        }

        @Override
        public double[] settings() {
            return new double[] {beta2, epsilon, weightDecay};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            adam(step, 1, momentum, beta2, epsilon, weightDecay, false, scalars);
        }
    }

    /**
     * Prodigy (Mishchenko and Defazio 2024), which finds its step size d itself, in two phases. With
     * r = d · η · √(1 − β₂ᵗ) / (1 − β₁ᵗ) and β₃ = √β₂. First: h = d · g; m ← fma(β₁, m, (1 − β₁) · h);
     * v ← fma(β₂, v, ((1 − β₂) · h) · h); s ← fma(β₃, s, (r / d₀) · h); sums of g · q and |s|, where q is how far the
     * parameters have come, p₀ − p. Then n ← β₃ · n + (d / d₀) · r · Σ g · q, and d ← max(d, coefficient · n / Σ |s|);
     * x = r · fma(λ, p, m / (√v + d · ε)); p ← p − x; q ← q + x. State: m, v, s, q.
     *
     * @param initial     d₀, the first step size
     * @param coefficient what the estimate is multiplied by
     */
    record Prodigy(float beta2, float epsilon, float weightDecay, float initial, float coefficient)
        implements UpdateRule {
        /** Where {@link UpdateOps#settle} writes d · ε. */
        public static final int SCALAR_EPSILON = 8;

        @Override
        public String family() {
            return "update_measured";
        }

        @Override
        public String kernel() {
            return "prodigy";
        }

        @Override
        public int buffers() {
            return 4;
        }

        @Override
        public double[] settings() {
            return new double[] {beta2, epsilon, weightDecay, initial, coefficient};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            double d = step == 1 ? initial : memory[0];
            double size = d * rate * (Math.sqrt(1 - power(beta2, step)) / (1 - power(momentum, step)));
            memory[0] = d;
            memory[2] = size;
            scalars[0] = size;
            scalars[1] = d;
            scalars[2] = 1 - momentum;
            scalars[3] = beta2;
            scalars[4] = 1 - (double) beta2;
            scalars[5] = Math.sqrt(beta2);
            scalars[6] = size / initial;
            scalars[7] = weightDecay;
        }

        /** The end of the first phase: the new d into memory, d · ε as the result. */
        public double settle(double product, double sum, double[] memory) {
            double decay = Math.sqrt(beta2);
            memory[1] = decay * memory[1] + memory[0] / initial * memory[2] * product;
            double estimate = coefficient * memory[1] / sum;
            memory[0] = estimate > memory[0] ? estimate : memory[0];
            return memory[0] * epsilon;
        }
    }

    /**
     * Muon (Jordan et al. 2024) for matrices, in phases. First: m ← fma(μ, m, (1 − μ) · g); u = nesterov ?
     * fma(a, m, b · g) : m; sums of u². Then {@link UpdateOps#scale} makes u a matrix of norm 1 (‖u‖ counts as at least ε),
     * Newton and Schulz's iteration x of nearly orthonormal rows or columns, and {@link UpdateOps#apply}, to which x is the
     * gradient: decay; p ← fma(−η, x, p). a = μ and b = 1 − μ as in PyTorch; {@code biasCorrected} as in optax, by
     * 1 − μᵗ⁺¹ and 1 − μᵗ. State: m, u.
     *
     * <p>The first eleven scalars are those of {@code rest}, for parameters that are no matrices; its learning rate is
     * {@code restRate} times this one's, its β₁ its own.
     */
    record Muon(float epsilon, float weightDecay, boolean nesterov, boolean biasCorrected, Adam rest, float restBeta1,
                float restRate) implements UpdateRule {
        @Override
        public String family() {
            return "update_measured";
        }

        @Override
        public String kernel() {
            return "muon";
        }

        @Override
        public boolean clips() {
            return false;
        }

        @Override
        public int buffers() {
            return 2;
        }

        @Override
        public double[] settings() {
            return new double[] {rest.beta2, rest.epsilon, rest.weightDecay, restBeta1, restRate, weightDecay,
                nesterov ? 1 : 0, biasCorrected ? 1 : 0};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            // The decay is by this rule's learning rate.
            adam(step, rate * restRate, restBeta1, rest.beta2, rest.epsilon, rest.weightDecay * (double) restRate, true,
                scalars);
            scalars[11] = biasCorrected ? momentum / (1 - power(momentum, step + 1)) : momentum;
            scalars[12] = biasCorrected ? (1 - momentum) / (1 - power(momentum, step)) : 1 - momentum;
            scalars[13] = weightDecay;
        }
    }

    private static void adam(long step, double rate, double beta1, double beta2, double epsilon, double weightDecay,
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
