package org.talweg.train;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/**
 * When to end training before all epochs are done. A specification, shared freely; what it remembers of a run is in a
 * {@link Watch}. Criteria that look at a metric do so when an epoch ends, and stay as they are until the next one does:
 * {@code Stop.anyOf(Stop.noImprovement("val_loss", 10), Stop.after(Duration.ofHours(1)))}.
 */
public interface Stop {

    /** One run, watched. */
    @FunctionalInterface
    interface Watch {
        /** Why training should end now, in words that follow "stopped:"; or empty. */
        Optional<String> check(Now now);
    }

    /**
     * Where a run is.
     *
     * @param metrics    of the last finished epoch, by Keras's names
     * @param epoch      the epoch in progress or just finished; 1 for the first
     * @param epochEnded whether it has just finished
     * @param steps      done so far, skipped ones included
     * @param skipped    steps that changed nothing because the gradient norm was not finite
     * @param elapsed    since the first step
     */
    record Now(ToDoubleFunction<String> metrics, int epoch, boolean epochEnded, long steps, long skipped,
               Duration elapsed) {

        double metric(String name) {
            return metrics.applyAsDouble(name);
        }
    }

    /** A watch over a run that begins now. */
    Watch watch();

    /** Steps after which this is sure to end the run, so that not one more is taken. */
    default long maxSteps() {
        return Long.MAX_VALUE;
    }

    /** Time after which this is sure to end the run, so that it is not kept waiting for a group of steps; or null. */
    default Duration maxTime() {
        return null;
    }

    /** The metric whose best epoch's parameters the model should have in the end; or null for the last one's. */
    default String restores() {
        return null;
    }

    /** As soon as one of them says so, for the first's reason. */
    static Stop anyOf(Stop... criteria) {
        return new StopAny(List.of(criteria));
    }

    /** When all of them say so at the same time. */
    static Stop allOf(Stop... criteria) {
        return new StopAll(List.of(criteria));
    }

    /**
     * After so many epochs.
     *
     * @throws IllegalArgumentException if below 1
     */
    static Stop afterEpochs(int epochs) {
        Checks.atLeastOne("epochs", epochs);
        return () -> now -> reason(now.epochEnded() ? now.epoch() >= epochs : now.epoch() > epochs,
            epochs + " epochs done");
    }

    /** After so many steps, to the step. */
    static Stop afterSteps(long steps) {
        Checks.atLeastOne("steps", steps);
        return new Stop() {
            @Override
            public Watch watch() {
                return now -> reason(now.steps() >= steps, steps + " steps done");
            }

            @Override
            public long maxSteps() {
                return steps;
            }
        };
    }

    /**
     * When the time is used up: at the end of the step in progress, or of the group of steps that a GPU has in its
     * queue.
     */
    static Stop after(Duration time) {
        if (time.isNegative() || time.isZero()) {
            throw new IllegalArgumentException("a time budget of " + time + "; it must be above 0");
        }
        return new Stop() {
            @Override
            public Watch watch() {
                return now -> reason(now.elapsed().compareTo(time) >= 0,
                    "the time budget of " + Checks.words(time) + " is used up");
            }

            @Override
            public Duration maxTime() {
                return time;
            }
        };
    }

    /** When {@code loss} or another metric hardly changes from epoch to epoch; see {@link LossChange} for more. */
    static LossChange lossChange(double below) {
        return new LossChange("loss", below, false, 1);
    }

    /**
     * When the global gradient norm, before clipping, is below a threshold: in the mean over an epoch's steps. For full
     * batches that is the norm of the gradient of the training loss.
     */
    static Stop gradientNorm(double below) {
        Checks.threshold(below);
        return perEpoch(() -> now -> {
            double norm = now.metric("gradient_norm");
            return reason(norm < below, "the gradient norm of " + Checks.number(norm) + " is below "
                + Checks.number(below));
        });
    }

    /** When a metric has not improved for so many epochs; see {@link NoImprovement} for more. */
    static NoImprovement noImprovement(String metric, int patience) {
        return new NoImprovement(metric, patience, 0, false);
    }

    /** When a metric is as good as {@code value} or better; which way that is follows from its name. */
    static Stop target(String metric, double value) {
        boolean rising = Metrics.higherIsBetter(metric);
        return perEpoch(() -> now -> {
            double reached = now.metric(metric);
            return reason(rising ? reached >= value : reached <= value, metric + " " + Checks.number(reached)
                + " has reached the target of " + Checks.number(value));
        });
    }

    /** When a step was skipped because its gradient norm was not finite, or the loss of an epoch is not finite. */
    static Stop onNonFinite() {
        return () -> now -> {
            if (now.skipped() > 0) {
                return Optional.of("the gradient norm of a step was not finite; try a lower learning rate, clipping, or "
                    + "scaled features");
            }
            return reason(now.epochEnded() && !Double.isFinite(now.metric("loss")), "the loss is not finite");
        };
    }

    /** A criterion asked only when an epoch ends, which keeps to its answer until the next does. */
    static Stop perEpoch(Supplier<Watch> watches) {
        return () -> new Watch() {
            private final Watch watch = watches.get();
            private Optional<String> answer = Optional.empty();

            @Override
            public Optional<String> check(Now now) {
                answer = now.epochEnded() ? watch.check(now) : answer;
                return answer;
            }
        };
    }

    private static Optional<String> reason(boolean stop, String words) {
        return stop ? Optional.of(words) : Optional.empty();
    }
}
