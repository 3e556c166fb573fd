package org.talweg.ops;

import static org.talweg.ops.UpdateRule.power;

/**
 * The {@linkplain UpdateRule rules} of {@code kernels/update_adaptive.cu}: one pass, in which each element finds its own
 * step size from what its gradients were.
 */
public sealed interface AdaptiveRule extends UpdateRule {
    @Override
    default String family() {
        return "update_adaptive";
    }

    /**
     * Adagrad (Duchi, Hazan and Singer 2011), as in PyTorch: L2; s ← fma(g, g, s), at first {@code initialValue};
     * p ← fma(−η / (1 + (t − 1) · rateDecay), g / (√s + ε), p). As in optax, {@code epsilonInside}: g / √(s + ε).
     */
    record Adagrad(float rateDecay, float weightDecay, float initialValue, float epsilon, boolean epsilonInside)
        implements AdaptiveRule {
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
                   boolean nesterov, boolean epsilonInside, boolean biasCorrected) implements AdaptiveRule {
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
    record Adadelta(float rho, float epsilon, float weightDecay) implements AdaptiveRule {
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
    record Adamax(float beta2, float epsilon, float weightDecay) implements AdaptiveRule {
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
        implements AdaptiveRule {
        @Override
        public String kernel() {
            return "nadam";
        }

        @Override
        public int buffers() {
            return 2;
        }

        @Override
        public int memory() {
            return 1;
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
        implements AdaptiveRule {
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
    record Lion(float beta2, float weightDecay) implements AdaptiveRule {
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
    record ScheduleFree(float beta2, float epsilon, float weightDecay) implements AdaptiveRule {
        @Override
        public String kernel() {
            return "schedule_free";
        }

        @Override
        public int buffers() {
            return 2;
        }

        @Override
        public int memory() {
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
}
