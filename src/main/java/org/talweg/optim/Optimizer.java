package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.tape.Update;

/**
 * The specification of an optimizer: immutable, shared freely. What it remembers from step to step is a {@link State}
 * of its own.
 */
public interface Optimizer {

    /** The rate that a trainer without a schedule uses. */
    float learningRate();

    /**
     * Fresh state for flat parameters of so many elements.
     *
     * @param length padding included
     */
    State newState(Device device, long length);

    /** Buffers of the parameters' layout, such as moments, and the update that uses them. The creator closes it. */
    interface State extends Update, AutoCloseable {
        @Override
        void close();
    }
}
