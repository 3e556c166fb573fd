package org.talweg.optim;

import java.util.function.ToDoubleFunction;

/** See {@link Schedules#warmup(long, double, Schedule)}. */
record Warmup(long length, double start, Schedule after) implements Schedule {

    Warmup {
        if (length < 0) {
            throw new IllegalArgumentException("a warm-up of " + length + " steps; it must be at least 0");
        }
        if (!(start >= 0 && start < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("a warm-up starts at " + start
                + " times the rate; the factor must be at least 0 and finite");
        }
    }

    @Override
    public double rate(At at) {
        double rate = after.rate(at.after(length));
        return at.step() < length ? rate * (start + (1 - start) * at.step() / length) : rate;
    }

    @Override
    public double momentum(At at) {
        return after.momentum(at.after(length));
    }

    @Override
    public Schedule afterEpoch(At last, ToDoubleFunction<String> metrics) {
        return last.step() < length ? this : new Warmup(length, start, after.afterEpoch(last.after(length), metrics));
    }
}
