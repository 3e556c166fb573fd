package org.talweg.train;

import org.talweg.nn.Model;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/** A copy, on the device, of parameters and states after the epoch with the best value of a metric; the first of equals. */
final class BestParameters {
    private final String metric;
    private final Model model;
    private final Tensor parameters;
    private final Tensor states;
    private double best = Double.NaN;
    private int epoch;

    BestParameters(Resources resources, Model model, String metric) {
        this.metric = metric;
        this.model = model;
        this.parameters = like(resources, model.parameters(), "best parameters");
        this.states = model.states() == null ? null : like(resources, model.states(), "best running statistics");
    }

    private Tensor like(Resources resources, Tensor tensor, String purpose) {
        return resources.tensor(model.device(), DType.FLOAT32, tensor.shape(), purpose);
    }

    String metric() {
        return metric;
    }

    void offer(int ofEpoch, double value) {
        boolean better = Metrics.higherIsBetter(metric) ? value > best : value < best;
        if (better || Double.isNaN(best) && !Double.isNaN(value)) {
            best = value;
            epoch = ofEpoch;
            copy(model.parameters(), parameters);
            copy(model.states(), states);
        }
    }

    /** Puts the best parameters back, if any epoch had a value; that epoch, or 0. */
    int restore() {
        if (epoch > 0) {
            copy(parameters, model.parameters());
            copy(states, model.states());
        }
        return epoch;
    }

    private void copy(Tensor from, Tensor to) {
        if (from != null) {
            model.device().ops().data().copy(from, to);
        }
    }
}
