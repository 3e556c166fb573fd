package org.talweg.optim;

import java.util.Arrays;

/**
 * Learning-rate schedules as small values that compose. With t the step from 0 and T the steps of the run, or of the
 * part of it that {@link Schedule#then} gives them. A schedule that ends before the run keeps its last rate.
 */
public final class Schedules {
    private Schedules() {
    }

    /** η. */
    public static Schedule constant(double rate) {
        check("learning rate", rate);
        return at -> rate;
    }

    /** η γ^⌊t / size⌋: PyTorch's {@code StepLR} of Python; libtorch's in C++ is one step late. */
    public static Schedule step(double rate, long size, double gamma) {
        check("learning rate", rate);
        check("gamma", gamma);
        length("a stair", size);
        return at -> rate * Math.pow(gamma, at.step() / size);
    }

    /** η γ^(number of milestones ≤ t). */
    public static Schedule multiStep(double rate, double gamma, long... milestones) {
        check("learning rate", rate);
        check("gamma", gamma);
        long[] sorted = Arrays.stream(milestones).sorted().toArray();
        return at -> {
            int passed = 0;
            while (passed < sorted.length && sorted[passed] <= at.step()) {
                passed++;
            }
            return rate * Math.pow(gamma, passed);
        };
    }

    /** η γᵗ. */
    public static Schedule exponential(double rate, double gamma) {
        return exponential(rate, gamma, 1);
    }

    /** η γ^(t / every), without stairs; with them it is {@link #step}. */
    public static Schedule exponential(double rate, double gamma, double every) {
        check("learning rate", rate);
        check("gamma", gamma);
        if (!(every > 0)) {
            throw new IllegalArgumentException("the rate decays every " + every + " steps; it must be above 0");
        }
        return at -> rate * Math.pow(gamma, at.step() / every);
    }

    /** From η in the first step exponentially to {@code end} in the last: the sweep of a learning-rate range test. */
    public static Schedule exponentialTo(double rate, double end) {
        if (!(rate > 0 && end > 0 && rate < Double.POSITIVE_INFINITY && end < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("learning rates from " + rate + " to " + end
                + "; an exponential sweep needs both above 0 and finite");
        }
        return at -> rate * Math.pow(end / rate, Math.min(1, at.step() / (double) Math.max(1, at.steps() - 1)));
    }

    /** As {@link #polynomial(double, double, double, long)} over the whole run. */
    public static Schedule polynomial(double rate, double end, double power) {
        return polynomial(rate, end, power, 0);
    }

    /**
     * end + (η − end) (1 − t / over)^power. PyTorch's {@code PolynomialLR} has the end 0.
     *
     * @param over number of steps; 0 for all of the run
     */
    public static Schedule polynomial(double rate, double end, double power, long over) {
        check("learning rate", rate);
        check("final learning rate", end);
        if (!(power > 0)) {
            throw new IllegalArgumentException("a power of " + power + "; it must be above 0");
        }
        return at -> end + (rate - end) * Math.pow(1 - share(at, over), power);
    }

    /** As {@link #linear(double, double, long)} over the whole run. */
    public static Schedule linear(double rate, double end) {
        return linear(rate, end, 0);
    }

    /**
     * η + (end − η) t / over, up or down.
     *
     * @param over number of steps; 0 for all of the run
     */
    public static Schedule linear(double rate, double end, long over) {
        check("learning rate", rate);
        check("final learning rate", end);
        return at -> {
            double share = share(at, over);
            return rate * (1 - share) + end * share;
        };
    }

    /** η / (1 + decay · t). */
    public static Schedule inverseTime(double rate, double decay) {
        check("learning rate", rate);
        check("decay", decay);
        return at -> rate / (1 + decay * at.step());
    }

    /** η min((t + 1) / w, √(w / (t + 1))), which peaks after w steps: Vaswani et al. 2017. */
    public static Schedule inverseSquareRoot(double peak, long warmup) {
        check("peak learning rate", peak);
        length("a warm-up", warmup);
        return at -> {
            double t = at.step() + 1.0;
            return peak * Math.min(t / warmup, Math.sqrt(warmup / t));
        };
    }

    /** As {@link #cosine(double, double)} down to 0. */
    public static Schedule cosine(double peak) {
        return cosine(peak, 0);
    }

    /** As {@link #cosine(double, double, long)} over the whole run. */
    public static Schedule cosine(double peak, double floor) {
        return cosine(peak, floor, 0);
    }

    /**
     * Half a cosine wave from {@code peak} in the first step to {@code floor} after the last:
     * floor + (peak − floor) (1 + cos(π t / over)) / 2. Loshchilov and Hutter 2017, without restarts. From then on the
     * floor, as in Keras and optax; {@link #cosineWave} rises again, as in PyTorch.
     *
     * @param over number of steps; 0 for all of the run
     */
    public static Schedule cosine(double peak, double floor, long over) {
        check("peak learning rate", peak);
        check("final learning rate", floor);
        return at -> between(peak, floor, share(at, over));
    }

    /** The cosine wave without end, down and up again: PyTorch's {@code CosineAnnealingLR} beyond its {@code T_max}. */
    public static Schedule cosineWave(double peak, double floor, long halfPeriod) {
        check("peak learning rate", peak);
        check("lowest learning rate", floor);
        length("half a period", halfPeriod);
        return at -> between(peak, floor, at.step() / (double) halfPeriod);
    }

    /**
     * Cosine with warm restarts (Loshchilov and Hutter 2017, SGDR): half waves from {@code peak} to {@code floor}, of
     * which the first takes {@code first} steps and each following {@code growth} times as many (T₀ and Tₘᵤₗₜ).
     */
    public static Schedule warmRestarts(double peak, double floor, long first, int growth) {
        check("peak learning rate", peak);
        check("lowest learning rate", floor);
        length("the first wave", first);
        length("the growth of a wave", growth);
        return at -> {
            long step = at.step();
            long wave = first;
            if (growth == 1) {
                step %= first;
            }
            while (step >= wave) {
                step -= wave;
                wave *= growth;
            }
            return between(peak, floor, step / (double) wave);
        };
    }

    /** Triangles between two rates (Smith 2017), {@code up} steps to each side; see {@link Cyclical} for the others. */
    public static Cyclical cyclical(double base, double peak, long up) {
        return new Cyclical(base, peak, up, up, Cyclical.Shape.TRIANGULAR, 1, Double.NaN, Double.NaN);
    }

    /**
     * One cycle over the run (Smith and Topin 2018), with PyTorch's settings but the
     * optimizer's own momentum; see {@link OneCycle} for others.
     */
    public static OneCycle oneCycle(double peak) {
        return new OneCycle(peak, 0.3, 25, 1e4, OneCycle.Anneal.COSINE, false, Double.NaN, Double.NaN);
    }

    /** Lowers the rate when {@code val_loss} stops falling, with PyTorch's settings; see {@link ReduceOnPlateau}. */
    public static ReduceOnPlateau reduceOnPlateau(double rate) {
        return ReduceOnPlateau.from(rate);
    }

    /**
     * Rises linearly for {@code warmup} steps to what {@code after} begins with, rate (t + 1) / (warmup + 1), then
     * follows {@code after}, which sees only the steps left.
     */
    public static Schedule warmup(long warmup, Schedule after) {
        return warmup(warmup, 1.0 / (warmup + 1), after);
    }

    /**
     * As {@link #warmup(long, Schedule)} from {@code start} times the rate: rate (start + (1 − start) t / warmup), as
     * PyTorch's {@code LinearLR} followed by another.
     */
    public static Schedule warmup(long warmup, double start, Schedule after) {
        return new Warmup(warmup, start, after);
    }

    /** Half a cosine wave from {@code from} at share 0 to {@code to} at 1. */
    static double between(double from, double to, double share) {
        return to + (from - to) * (1 + Math.cos(Math.PI * share)) / 2;
    }

    private static double share(Schedule.At at, long over) {
        return Math.min(1, at.step() / (double) (over == 0 ? at.steps() : over));
    }

    static double check(String what, double rate) {
        if (!(rate >= 0 && rate < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(what + " is " + rate + "; it must be at least 0 and finite");
        }
        return rate;
    }

    static void length(String what, long steps) {
        if (steps < 1) {
            throw new IllegalArgumentException(what + " of " + steps + "; it must be at least 1");
        }
    }

    /** Momenta of a schedule that lowers it while the rate is high: both NaN, or 0 ≤ low ≤ high < 1. */
    static void momenta(double low, double high) {
        boolean none = Double.isNaN(low) && Double.isNaN(high);
        if (!none && !(low >= 0 && low <= high && high < 1)) {
            throw new IllegalArgumentException("momentum from " + low + " to " + high
                + "; both must be at least 0 and below 1, the lower one first");
        }
    }
}
