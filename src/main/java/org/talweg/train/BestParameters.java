package org.talweg.train;

import org.talweg.nn.Model;

/** The model after the epoch with the best value of a metric, kept on the device; the first of equals. */
final class BestParameters {
    private final String metric;
    private final ModelCopy copy;
    private double best = Double.NaN;
    private int epoch;

    BestParameters(Resources resources, Model model, String metric) {
        this.metric = metric;
        this.copy = new ModelCopy(resources, model, "best parameters");
    }

    String metric() {
        return metric;
    }

    void offer(int ofEpoch, double value) {
        if (isBest(ofEpoch, value)) {
            copy.save();
        }
    }

    /** Also without the model, for epochs of a run before it was interrupted. */
    boolean isBest(int ofEpoch, double value) {
        boolean better = Metrics.higherIsBetter(metric) ? value > best : value < best;
        if (better || Double.isNaN(best) && !Double.isNaN(value)) {
            best = value;
            epoch = ofEpoch;
            return true;
        }
        return false;
    }

    /** Null before the first epoch that had a value. */
    ModelCopy copy() {
        return epoch == 0 ? null : copy;
    }

    /** Puts the best parameters back, if any epoch had a value; that epoch, or 0. */
    int restore() {
        if (epoch > 0) {
            copy.restore();
        }
        return epoch;
    }
}
