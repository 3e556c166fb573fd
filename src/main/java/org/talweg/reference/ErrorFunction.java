package org.talweg.reference;

/** The complementary error function in double, for the normal distribution. */
final class ErrorFunction {
    /** Below it the series, above it the continued fraction; both are accurate and quick there. */
    private static final double SERIES_LIMIT = 2.0;
    /** Levels of the continued fraction; at x ≥ 2 its truncation error is below e⁻⁴⁰. */
    private static final int LEVELS = 60;
    private static final double TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

    private ErrorFunction() {
    }

    /**
     * erfc x = (2/√π) ∫ₓ^∞ exp(−t²) dt; relative error below 10⁻¹³ wherever the result is a normal number. NIST DLMF
     * 7.6.2 and 7.9.1.
     */
    static double erfc(double x) {
        if (x < SERIES_LIMIT) {
            return x <= -SERIES_LIMIT ? 2 - erfcFraction(-x) : 1 - erfSeries(x);
        }
        return erfcFraction(x);
    }

    /** erf x = (2/√π) exp(−x²) Σₙ 2ⁿ x²ⁿ⁺¹ / (1·3·5 … (2n+1)): all terms of one sign, so nothing cancels. */
    private static double erfSeries(double x) {
        double term = x;
        double sum = x;
        for (int n = 1; Math.abs(term) > Math.abs(sum) * 0x1p-60; n++) {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return TWO_OVER_SQRT_PI * Math.exp(-x * x) * sum;
    }

    /** erfc x = exp(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + 2/(x + …))))), from the innermost level out. */
    private static double erfcFraction(double x) {
        double denominator = x;
        for (int level = LEVELS; level > 0; level--) {
            denominator = x + level / 2.0 / denominator;
        }
        return TWO_OVER_SQRT_PI / 2 * Math.exp(-x * x) / denominator;
    }
}
