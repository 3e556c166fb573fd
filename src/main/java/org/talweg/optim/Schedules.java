package org.talweg.optim;

/** Learning-rate schedules as small values that compose. */
public final class Schedules {
    private Schedules() {
    }

    public static Schedule constant(double rate) {
        check("learning rate", rate);
        return (step, steps) -> rate;
    }

    /** As {@link #cosine(double, double)} down to 0. */
    public static Schedule cosine(double peak) {
        return cosine(peak, 0);
    }

    /**
     * Half a cosine wave from {@code peak} in the first step to {@code floor} after the last:
     * floor + (peak − floor) (1 + cos(π step / steps)) / 2. Loshchilov and Hutter 2017, without restarts.
     */
    public static Schedule cosine(double peak, double floor) {
        check("peak learning rate", peak);
        check("final learning rate", floor);
        return (step, steps) -> floor + (peak - floor) * (1 + Math.cos(Math.PI * step / steps)) / 2;
    }

    /**
     * Rises linearly for {@code warmup} steps to what {@code after} begins with, rate (step + 1) / (warmup + 1), then
     * follows {@code after}, which sees only the steps left.
     */
    public static Schedule warmup(long warmup, Schedule after) {
        if (warmup < 0) {
            throw new IllegalArgumentException("a warm-up of " + warmup + " steps; it must be at least 0");
        }
        return (step, steps) -> {
            long left = Math.max(1, steps - warmup);
            return step < warmup ? after.rate(0, left) * (step + 1) / (warmup + 1) : after.rate(step - warmup, left);
        };
    }

    private static void check(String what, double rate) {
        if (!(rate >= 0 && rate < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(what + " is " + rate + "; it must be at least 0 and finite");
        }
    }
}
