package org.talweg.optim;

import java.util.function.ToDoubleFunction;

/**
 * Learning rate as a function of the step, and momentum where it moves with the rate. An immutable value; any lambda
 * will do: {@code at -> 0.1 / Math.sqrt(at.step() + 1)}. {@link Schedules} has the usual ones, and the methods here put
 * them together: {@code Schedules.linear(0, 0.1).then(5, Schedules.cosine(0.1)).perEpoch()}.
 */
@FunctionalInterface
public interface Schedule {

    /**
     * Where a run is.
     *
     * @param step          0 for the first step of the run; skipped steps count
     * @param steps         number of steps the whole run will take, so that no schedule needs to be told twice
     * @param stepsPerEpoch of the run
     */
    record At(long step, long steps, long stepsPerEpoch) {

        /** Step and steps counted in epochs. */
        At inEpochs() {
            return new At(step / stepsPerEpoch, (steps + stepsPerEpoch - 1) / stepsPerEpoch, 1);
        }

        /** As a part that lasts for the first {@code length} steps sees it. */
        At before(long length) {
            return new At(step, length, stepsPerEpoch);
        }

        /** As a part that begins with step {@code begin} sees it. */
        At after(long begin) {
            return new At(Math.max(0, step - begin), Math.max(1, steps - begin), stepsPerEpoch);
        }
    }

    /** The learning rate of one step. */
    double rate(At at);

    /** Momentum (Adam's β₁) of one step; NaN, as here, for the optimizer's own. */
    default double momentum(At at) {
        return Double.NaN;
    }

    /**
     * The schedule to go on with after an epoch: this one, unless it follows a metric.
     *
     * @param last    the epoch's last step
     * @param metrics the epoch's values by Keras's names
     */
    default Schedule afterEpoch(At last, ToDoubleFunction<String> metrics) {
        return this;
    }

    /** The rate of one step, epochs aside. */
    default double rate(long step, long steps) {
        return rate(new At(step, steps, 1));
    }

    /**
     * This for the first {@code begin} steps, which is how long it takes the run to be, then {@code next} as if the run
     * began there. PyTorch's {@code SequentialLR}.
     */
    default Schedule then(long begin, Schedule next) {
        return new ScheduleSequence(this, begin, next);
    }

    /** The product of both rates; momentum is this one's, if it has one. PyTorch's {@code ChainedScheduler}. */
    default Schedule times(Schedule factor) {
        return new ScheduleProduct(this, factor);
    }

    /** The same with every number of steps in it counted in epochs: constant within an epoch. */
    default Schedule perEpoch() {
        return new SchedulePerEpoch(this);
    }
}
