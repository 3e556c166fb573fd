package org.talweg.optim;

import java.util.function.ToDoubleFunction;

/**
 * A constant rate, multiplied by {@code factor} when a metric has not improved for more than {@code patience} epochs.
 * PyTorch's {@code ReduceLROnPlateau}, with one difference: a relative threshold is a share of the best value's
 * magnitude, best ∓ threshold · |best|. PyTorch's best · (1 ∓ threshold) lies on the wrong side of a negative best, so
 * that an unchanged metric counts as an improvement for ever; {@link #signedThreshold} brings that form back.
 *
 * <p>A metric that is NaN is no improvement. The value is immutable: what an epoch changes is in the value that
 * {@link #afterEpoch} returns.
 *
 * @param metric    by Keras's name
 * @param maximise  whether higher is better
 * @param threshold how much better counts
 * @param absolute  whether {@code threshold} is a difference, not a share
 * @param signed    whether a relative threshold is PyTorch's
 * @param patience  epochs without improvement that are let pass
 * @param cooldown  epochs after a reduction in which none is counted as bad
 * @param minimum   lowest rate
 * @param epsilon   a reduction by no more than this is not made
 * @param state     of the run so far
 */
public record ReduceOnPlateau(double rate, String metric, boolean maximise, double factor, double threshold,
                              boolean absolute, boolean signed, int patience, int cooldown, double minimum,
                              double epsilon, State state) implements Schedule {

    /**
     * @param best    of the metric
     * @param bad     epochs since then, or since the last reduction
     * @param cooling epochs of the cooldown left
     */
    public record State(double best, int bad, int cooling) {
        private static final State START = new State(Double.NaN, 0, 0);
    }

    public ReduceOnPlateau {
        Schedules.check("learning rate", rate);
        Schedules.check("lowest learning rate", minimum);
        Schedules.check("threshold", threshold);
        Schedules.check("epsilon", epsilon);
        if (!(factor > 0 && factor < 1)) {
            throw new IllegalArgumentException("factor is " + factor + "; it must be above 0 and below 1");
        }
        if (patience < 0 || cooldown < 0) {
            throw new IllegalArgumentException("a patience of " + patience + " and a cooldown of " + cooldown
                + " epochs; both must be at least 0");
        }
    }

    static ReduceOnPlateau from(double rate) {
        return new ReduceOnPlateau(rate, "val_loss", false, 0.1, 1e-4, false, false, 10, 0, 0, 1e-8, State.START);
    }

    /** The metric to bring down; {@code val_loss} unless set. */
    public ReduceOnPlateau minimise(String name) {
        return new ReduceOnPlateau(rate, name, false, factor, threshold, absolute, signed, patience, cooldown, minimum,
            epsilon, state);
    }

    /** The metric to bring up. */
    public ReduceOnPlateau maximise(String name) {
        return new ReduceOnPlateau(rate, name, true, factor, threshold, absolute, signed, patience, cooldown, minimum,
            epsilon, state);
    }

    /** 0.1 unless set. */
    public ReduceOnPlateau factor(double value) {
        return new ReduceOnPlateau(rate, metric, maximise, value, threshold, absolute, signed, patience, cooldown,
            minimum, epsilon, state);
    }

    /** An improvement is one by more than this share of the best value; 1e-4 unless set. */
    public ReduceOnPlateau relativeThreshold(double value) {
        return new ReduceOnPlateau(rate, metric, maximise, factor, value, false, signed, patience, cooldown, minimum,
            epsilon, state);
    }

    /** An improvement is one by more than this. */
    public ReduceOnPlateau absoluteThreshold(double value) {
        return new ReduceOnPlateau(rate, metric, maximise, factor, value, true, signed, patience, cooldown, minimum,
            epsilon, state);
    }

    /** A relative threshold as PyTorch has it, wrong for negative metrics; to repeat a run made there. */
    public ReduceOnPlateau signedThreshold() {
        return new ReduceOnPlateau(rate, metric, maximise, factor, threshold, absolute, true, patience, cooldown,
            minimum, epsilon, state);
    }

    /** 10 epochs unless set. */
    public ReduceOnPlateau patience(int epochs) {
        return new ReduceOnPlateau(rate, metric, maximise, factor, threshold, absolute, signed, epochs, cooldown,
            minimum, epsilon, state);
    }

    /** 0 epochs unless set. */
    public ReduceOnPlateau cooldown(int epochs) {
        return new ReduceOnPlateau(rate, metric, maximise, factor, threshold, absolute, signed, patience, epochs,
            minimum, epsilon, state);
    }

    /** 0 unless set. */
    public ReduceOnPlateau minimum(double value) {
        return new ReduceOnPlateau(rate, metric, maximise, factor, threshold, absolute, signed, patience, cooldown,
            value, epsilon, state);
    }

    /** 1e-8 unless set. */
    public ReduceOnPlateau epsilon(double value) {
        return new ReduceOnPlateau(rate, metric, maximise, factor, threshold, absolute, signed, patience, cooldown,
            minimum, value, state);
    }

    @Override
    public double rate(At at) {
        return rate;
    }

    @Override
    public ReduceOnPlateau afterEpoch(At last, ToDoubleFunction<String> metrics) {
        double value = metrics.applyAsDouble(metric);
        boolean better = better(value);
        int cooling = Math.max(0, state.cooling - 1);
        int bad = better || state.cooling > 0 ? 0 : state.bad + 1;
        double reduced = rate;
        if (bad > patience) {
            double lower = Math.max(rate * factor, minimum);
            reduced = rate - lower > epsilon ? lower : rate;
            bad = 0;
            cooling = cooldown;
        }
        return new ReduceOnPlateau(reduced, metric, maximise, factor, threshold, absolute, signed, patience, cooldown,
            minimum, epsilon, new State(better ? value : state.best, bad, cooling));
    }

    private boolean better(double value) {
        if (Double.isNaN(state.best)) {
            return !Double.isNaN(value);
        }
        double margin = absolute ? threshold : threshold * (signed ? state.best : Math.abs(state.best));
        return maximise ? value > state.best + margin : value < state.best - margin;
    }
}
