package org.talweg.optim;

import org.talweg.ops.Device;

/** {@link Optimizer#maximize}. */
record Maximizing(Optimizer optimizer) implements Optimizer {
    @Override
    public float learningRate() {
        return optimizer.learningRate();
    }

    @Override
    public float momentum() {
        return optimizer.momentum();
    }

    @Override
    public Optimizer maximize() {
        return this;
    }

    @Override
    public State newState(Device device, ParameterLayout layout, Clip clip) {
        return optimizer.newState(device, layout, clip.climbing());
    }
}
