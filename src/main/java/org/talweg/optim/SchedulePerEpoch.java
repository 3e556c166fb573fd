package org.talweg.optim;

import java.util.function.ToDoubleFunction;

/** See {@link Schedule#perEpoch}. */
record SchedulePerEpoch(Schedule schedule) implements Schedule {

    @Override
    public double rate(At at) {
        return schedule.rate(at.inEpochs());
    }

    @Override
    public double momentum(At at) {
        return schedule.momentum(at.inEpochs());
    }

    @Override
    public Schedule afterEpoch(At last, ToDoubleFunction<String> metrics) {
        return new SchedulePerEpoch(schedule.afterEpoch(last.inEpochs(), metrics));
    }
}
