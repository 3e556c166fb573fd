package org.talweg.ops;

import static org.talweg.ops.UpdateRule.power;

/**
 * The {@linkplain UpdateRule rules} of {@code kernels/update_measured.cu}, in two phases: {@link UpdateOps#measure} sums up
 * what {@link UpdateOps#settle} makes a number of, and {@link UpdateOps#apply} steps by it.
 */
public sealed interface MeasuredRule extends UpdateRule {
    @Override
    default String family() {
        return "update_measured";
    }

    /**
     * LAMB (You et al. 2020), in two phases. First: moments as {@link Adam}; u = fma(λ, p, (m · 1 / (1 − β₁ᵗ)) /
     * (√v / √(1 − β₂ᵗ) + ε)); sums of p² and u². Then, with the segment's ratio ‖p‖ / ‖u‖, or 1 where one of them is 0:
     * p ← fma(−η · ratio, u, p). State: m, v.
     */
    record Lamb(float beta2, float epsilon, float weightDecay) implements MeasuredRule {
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
            Adam.write(step, 1, momentum, beta2, epsilon, weightDecay, false, scalars);
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
        implements MeasuredRule {
        /** Where {@link UpdateOps#settle} writes d · ε. */
        public static final int SCALAR_EPSILON = 8;

        @Override
        public String kernel() {
            return "prodigy";
        }

        @Override
        public int buffers() {
            return 4;
        }

        @Override
        public int memory() {
            return 3;
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
                float restRate) implements MeasuredRule {
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
            return new double[] {rest.beta2(), rest.epsilon(), rest.weightDecay(), restBeta1, restRate, weightDecay,
                nesterov ? 1 : 0, biasCorrected ? 1 : 0};
        }

        @Override
        public void scalars(long step, double rate, double momentum, double[] memory, double[] scalars) {
            // The decay is by this rule's learning rate.
            Adam.write(step, rate * restRate, restBeta1, rest.beta2(), rest.epsilon(), rest.weightDecay() * (double) restRate, true,
                scalars);
            scalars[11] = biasCorrected ? momentum / (1 - power(momentum, step + 1)) : momentum;
            scalars[12] = biasCorrected ? (1 - momentum) / (1 - power(momentum, step)) : 1 - momentum;
            scalars[13] = weightDecay;
        }
    }
}
