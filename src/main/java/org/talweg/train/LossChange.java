package org.talweg.train;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.Optional;

/**
 * Stops when a metric hardly changes: when its highest and its lowest value in the last {@code window} epochs and the
 * one before differ by less than {@code threshold}, or, if relative, by less than that share of the last value's
 * magnitude.
 */
public record LossChange(String metric, double threshold, boolean relative, int window) implements Stop {

    public LossChange {
        Checks.threshold(threshold);
        Checks.atLeastOne("epochs to look back", window);
    }

    /** {@code loss} unless set. */
    public LossChange of(String name) {
        return new LossChange(name, threshold, relative, window);
    }

    /** The threshold as a share of the value. */
    public LossChange asShare() {
        return new LossChange(metric, threshold, true, window);
    }

    /** Epochs that the change is measured over; 1 unless set. */
    public LossChange over(int epochs) {
        return new LossChange(metric, threshold, relative, epochs);
    }

    @Override
    public Watch watch() {
        return Stop.perEpoch(() -> {
            Deque<Double> values = new ArrayDeque<>();
            return now -> check(values, now.metric(metric));
        }).watch();
    }

    private Optional<String> check(Deque<Double> values, double value) {
        values.addLast(value);
        if (values.size() <= window) {
            return Optional.empty();
        }
        if (values.size() > window + 1) {
            values.removeFirst();
        }
        // NaN is the highest of all, and a difference to it is below nothing.
        double change = Collections.max(values) - Collections.min(values);
        double limit = relative ? threshold * Math.abs(value) : threshold;
        return change < limit ? Optional.of(metric + " changed by " + Checks.number(change) + " in " + window
            + (window == 1 ? " epoch" : " epochs") + ", less than " + Checks.number(threshold)
            + (relative ? " of it" : "")) : Optional.empty();
    }
}
