package org.talweg.optim;

import java.util.function.ToDoubleFunction;

/** See {@link Schedule#then}. */
record ScheduleSequence(Schedule first, long begin, Schedule next) implements Schedule {

    ScheduleSequence {
        if (begin < 0) {
            throw new IllegalArgumentException("a schedule begins at step " + begin + "; it must be at least 0");
        }
    }

    @Override
    public double rate(At at) {
        return at.step() < begin ? first.rate(at.before(begin)) : next.rate(at.after(begin));
    }

    @Override
    public double momentum(At at) {
        return at.step() < begin ? first.momentum(at.before(begin)) : next.momentum(at.after(begin));
    }

    @Override
    public Schedule afterEpoch(At last, ToDoubleFunction<String> metrics) {
        return last.step() < begin ? new ScheduleSequence(first.afterEpoch(last.before(begin), metrics), begin, next)
            : new ScheduleSequence(first, begin, next.afterEpoch(last.after(begin), metrics));
    }
}
