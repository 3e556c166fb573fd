package org.talweg.ops;

/**
 * A loss f(p, t) of one prediction and one target, for {@link LossOps#elementwise}: formula and parameters. d is
 * p − t. Conventions are PyTorch 2's. This is the formula in double; kernels have their own in float32.
 *
 * @param formula which one
 * @param a       its first parameter, 0 where it has none
 * @param b       its second parameter, 0 where it has none
 */
public record ElementwiseLoss(Formula formula, float a, float b) {
    private static final double LOG_2 = Math.log(2);
    /** PyTorch's bounds for binary cross-entropy on probabilities. */
    private static final double LOWEST_LOG = -100;
    private static final double LEAST_VARIANCE = 1e-12;

    /** The kernels bear the same names in lower case. */
    public enum Formula {
        /** d²; f' = 2d. */
        SQUARED_ERROR,
        /** |d|; f' = sign d, 0 at 0. */
        ABSOLUTE_ERROR,
        /** |d| ≤ δ: d²/2, else δ (|d| − δ/2); f' = d held within ±δ. Huber 1964. */
        HUBER,
        /** {@code |d| < β}: d²/(2β), else |d| − β/2; f' = d/β, else sign d. Girshick 2015. */
        SMOOTH_L1,
        /** log cosh d; f' = tanh d. */
        LOG_COSH,
        /**
         * On logits, with positive weight P: −P t log σ(p) − (1 − t) log(1 − σ(p)), computed as
         * max(p, 0) − p t + log(1 + e^−|p|) for P = 1; f' = (1 + (P − 1) t) σ(p) − P t.
         */
        BINARY_CROSS_ENTROPY,
        /**
         * On probabilities: −t log p − (1 − t) log(1 − p) with logarithms at least −100;
         * f' = (p − t) / max(p (1 − p), 1e-12). Both NaN for p outside [0, 1].
         */
        BINARY_CROSS_ENTROPY_PROBABILITIES,
        /** max(0, 1 − y p) with y = 1 for t > 0, else −1, so that targets 0 and 1 do as well as ±1; f' = −y or 0. */
        HINGE,
        /** max(0, 1 − y p)²; f' = −2 y max(0, 1 − y p). */
        SQUARED_HINGE,
        /** PyTorch's {@code hinge_embedding_loss} of a distance p: p for t > 0, else max(0, margin − p). */
        HINGE_EMBEDDING,
        /** t (log t − p) with p = log q; f' = −t. A target of 0 adds nothing. */
        KL_DIVERGENCE,
        /** eᵗ (t − p), the same with t = log of the target probability; f' = −eᵗ. */
        KL_DIVERGENCE_LOG_TARGET,
        /** Of the logarithm p of a rate: eᵖ − t p, and with a = 1 Stirling's log t! for t > 1; f' = eᵖ − t. */
        POISSON,
        /** Of a rate p: p − t log(p + ε), and with a = 1 Stirling's log t! for t > 1; f' = 1 − t / (p + ε). */
        POISSON_RATE,
        /**
         * On logits: α_t m^γ times binary cross-entropy, m = σ(p) (1 − t) + (1 − σ(p)) t being the probability missed
         * and α_t = α t + (1 − α) (1 − t), or 1 where α is negative. Lin et al. 2017.
         */
        FOCAL
    }

    public static ElementwiseLoss of(Formula formula) {
        return new ElementwiseLoss(formula, 0, 0);
    }

    /** Whether a prediction can be right or wrong. */
    public boolean hasHits() {
        return switch (formula) {
            case BINARY_CROSS_ENTROPY, BINARY_CROSS_ENTROPY_PROBABILITIES, HINGE, SQUARED_HINGE, FOCAL -> true;
            default -> false;
        };
    }

    /** Whether prediction and target fall into the same of two classes; false where there are none. */
    public boolean isHit(double p, double t) {
        return switch (formula) {
            case BINARY_CROSS_ENTROPY, FOCAL -> p > 0 == t > 0.5;
            case BINARY_CROSS_ENTROPY_PROBABILITIES -> p > 0.5 == t > 0.5;
            case HINGE, SQUARED_HINGE -> p > 0 == t > 0;
            default -> false;
        };
    }

    /** @param positive P of binary cross-entropy on logits; the other formulas ignore it */
    public double loss(double p, double t, double positive) {
        double d = p - t;
        double size = Math.abs(d);
        return switch (formula) {
            case SQUARED_ERROR -> d * d;
            case ABSOLUTE_ERROR -> size;
            case HUBER -> size <= a ? d * d / 2 : a * (size - a / 2.0);
            case SMOOTH_L1 -> size < a ? d * d / (2.0 * a) : size - a / 2.0;
            case LOG_COSH -> size < 1 ? Math.log1p(Math.sinh(d) * Math.sinh(d)) / 2
                : size + Math.log1p(Math.exp(-2 * size)) - LOG_2;
            case BINARY_CROSS_ENTROPY -> (p > 0 ? p - p * t : -positive * p * t)
                + (1 + (positive - 1) * t) * Math.log1p(Math.exp(-Math.abs(p)));
            case BINARY_CROSS_ENTROPY_PROBABILITIES -> p >= 0 && p <= 1
                ? -t * Math.max(Math.log(p), LOWEST_LOG) - (1 - t) * Math.max(Math.log1p(-p), LOWEST_LOG) : Double.NaN;
            case HINGE -> Math.max(0, 1 - side(t) * p);
            case SQUARED_HINGE -> square(Math.max(0, 1 - side(t) * p));
            case HINGE_EMBEDDING -> side(t) > 0 ? p : Math.max(0, a - p);
            case KL_DIVERGENCE -> t == 0 ? 0 : t * (Math.log(t) - p);
            case KL_DIVERGENCE_LOG_TARGET -> Math.exp(t) == 0 ? 0 : Math.exp(t) * (t - p);
            case POISSON -> Math.exp(p) - t * p + logFactorial(t);
            case POISSON_RATE -> p - t * Math.log(p + b) + logFactorial(t);
            case FOCAL -> balance(t) * Math.pow(missed(p, t), b) * crossEntropy(p, t);
        };
    }

    /** ∂f/∂p. */
    public double derivative(double p, double t, double positive) {
        double d = p - t;
        return switch (formula) {
            case SQUARED_ERROR -> 2 * d;
            case ABSOLUTE_ERROR -> sign(d);
            case HUBER -> d > a ? a : d < -a ? -a : d;
            case SMOOTH_L1 -> Math.abs(d) < a ? d / a : sign(d);
            case LOG_COSH -> Math.tanh(d);
            case BINARY_CROSS_ENTROPY -> (1 + (positive - 1) * t) * sigmoid(p) - positive * t;
            case BINARY_CROSS_ENTROPY_PROBABILITIES -> p >= 0 && p <= 1
                ? d / Math.max(p * (1 - p), LEAST_VARIANCE) : Double.NaN;
            case HINGE -> sign(Math.max(0, 1 - side(t) * p)) * -side(t);
            case SQUARED_HINGE -> -2 * side(t) * Math.max(0, 1 - side(t) * p);
            case HINGE_EMBEDDING -> side(t) > 0 ? 1 : -sign(Math.max(0, a - p));
            case KL_DIVERGENCE -> -t;
            case KL_DIVERGENCE_LOG_TARGET -> -Math.exp(t);
            case POISSON -> Math.exp(p) - t;
            case POISSON_RATE -> 1 - t / (p + b);
            case FOCAL -> {
                double m = missed(p, t);
                // σ(1 − σ) / m without 0 / 0 where m vanishes; it does only for targets of exactly 0 or 1.
                double ratio = t == 1 ? sigmoid(p) : t == 0 ? sigmoid(-p) : sigmoid(p) * sigmoid(-p) / m;
                yield balance(t) * Math.pow(m, b)
                    * (b * (1 - 2 * t) * ratio * crossEntropy(p, t) + sigmoid(p) - t);
            }
        };
    }

    private static double crossEntropy(double p, double t) {
        return (p > 0 ? p - p * t : -p * t) + Math.log1p(Math.exp(-Math.abs(p)));
    }

    private static double missed(double p, double t) {
        return sigmoid(p) * (1 - t) + sigmoid(-p) * t;
    }

    private double balance(double t) {
        return a < 0 ? 1 : a * t + (1 - a) * (1 - t);
    }

    /** Stirling's approximation of log t! as PyTorch has it. */
    private double logFactorial(double t) {
        return a != 0 && t > 1 ? t * Math.log(t) - t + Math.log(2 * Math.PI * t) / 2 : 0;
    }

    private static double sigmoid(double z) {
        return 1 / (1 + Math.exp(-z));
    }

    private static double side(double t) {
        return t > 0 ? 1 : t <= 0 ? -1 : t;
    }

    /** −1, 0 or 1; NaN stays NaN. */
    private static double sign(double d) {
        return d > 0 ? 1 : d < 0 ? -1 : d;
    }

    private static double square(double x) {
        return x * x;
    }
}
