package org.talweg.train;

import java.util.Optional;

/**
 * Early stopping: when a metric has not been better than its best by more than {@code minDelta} for {@code patience}
 * epochs. NaN is no improvement. Keras's {@code EarlyStopping}; which way is better follows from the metric's name.
 *
 * @param restoreBest whether the model gets back the parameters of the best epoch, however training ends
 */
public record NoImprovement(String metric, int patience, double minDelta, boolean restoreBest) implements Stop {

    public NoImprovement {
        Checks.atLeastOne("epochs of patience", patience);
        if (!(minDelta >= 0 && minDelta < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("a least improvement of " + minDelta
                + "; it must be at least 0 and finite");
        }
    }

    /** 0 unless set. */
    public NoImprovement minDelta(double value) {
        return new NoImprovement(metric, patience, value, restoreBest);
    }

    /** The best parameters are kept in a copy on the device. */
    public NoImprovement restoringBest() {
        return new NoImprovement(metric, patience, minDelta, true);
    }

    @Override
    public String restores() {
        return restoreBest ? metric : null;
    }

    @Override
    public Watch watch() {
        return Stop.perEpoch(Epochs::new).watch();
    }

    private final class Epochs implements Watch {
        private double best = Double.NaN;
        private int bestEpoch;
        private int since;

        @Override
        public Optional<String> check(Now now) {
            double value = now.metric(metric);
            double gain = Metrics.higherIsBetter(metric) ? value - best : best - value;
            if (Double.isNaN(best) ? !Double.isNaN(value) : gain > minDelta) {
                best = value;
                bestEpoch = now.epoch();
                since = 0;
                return Optional.empty();
            }
            since++;
            return since < patience ? Optional.empty() : Optional.of(metric + " has not improved for " + patience
                + (patience == 1 ? " epoch" : " epochs") + (bestEpoch == 0 ? "; it never had a value"
                : "; the best was " + Checks.number(best) + " in epoch " + bestEpoch));
        }
    }
}
