package org.talweg.train;

import org.talweg.ops.Device;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/** A copy, on the device, of the parameters after the epoch with the best value of a metric; the first of equals. */
final class BestParameters {
    private final String metric;
    private final Device device;
    private final Tensor parameters;
    private final Tensor copy;
    private double best = Double.NaN;
    private int epoch;

    BestParameters(Resources resources, Device device, Tensor parameters, String metric) {
        this.metric = metric;
        this.device = device;
        this.parameters = parameters;
        this.copy = resources.tensor(device, DType.FLOAT32, parameters.shape(), "best parameters");
    }

    String metric() {
        return metric;
    }

    void offer(int ofEpoch, double value) {
        boolean better = Metrics.higherIsBetter(metric) ? value > best : value < best;
        if (better || Double.isNaN(best) && !Double.isNaN(value)) {
            best = value;
            epoch = ofEpoch;
            device.ops().data().copy(parameters, copy);
        }
    }

    /** Puts the best parameters back, if any epoch had a value; that epoch, or 0. */
    int restore() {
        if (epoch > 0) {
            device.ops().data().copy(copy, parameters);
        }
        return epoch;
    }
}
