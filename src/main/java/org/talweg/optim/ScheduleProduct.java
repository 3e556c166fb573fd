package org.talweg.optim;

import java.util.function.ToDoubleFunction;

/** See {@link Schedule#times}. */
record ScheduleProduct(Schedule first, Schedule second) implements Schedule {

    @Override
    public double rate(At at) {
        return first.rate(at) * second.rate(at);
    }

    @Override
    public double momentum(At at) {
        double momentum = first.momentum(at);
        return Double.isNaN(momentum) ? second.momentum(at) : momentum;
    }

    @Override
    public Schedule afterEpoch(At last, ToDoubleFunction<String> metrics) {
        return new ScheduleProduct(first.afterEpoch(last, metrics), second.afterEpoch(last, metrics));
    }
}
