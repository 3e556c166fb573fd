package org.talweg.ops;

import java.util.List;

/**
 * A multilayer perceptron as {@link FusedMlpOps} takes it: dense layers in a row, whose parameters lie in one flat buffer.
 *
 * @param length    elements of the flat buffer, a multiple of 4
 * @param precision of all products
 */
public record FusedMlp(List<Layer> layers, long length, Precision precision) {

    /**
     * f(X Wᵀ + b).
     *
     * @param name    for messages
     * @param weights where W [outputs×inputs] begins in the flat buffer, a multiple of 4
     * @param bias    where b begins, or {@link #NO_BIAS}
     */
    public record Layer(String name, int inputs, int outputs, long weights, long bias, Activation activation) {
        public static final long NO_BIAS = -1;
    }

    public FusedMlp {
        layers = List.copyOf(layers);
        for (int i = 1; i < layers.size(); i++) {
            if (layers.get(i).inputs() != layers.get(i - 1).outputs()) {
                throw new IllegalArgumentException(layers.get(i).name() + " takes " + layers.get(i).inputs()
                    + " inputs, and the layer before gives " + layers.get(i - 1).outputs());
            }
        }
    }

    public Layer first() {
        return layers.get(0);
    }

    public Layer last() {
        return layers.get(layers.size() - 1);
    }
}
