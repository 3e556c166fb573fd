package org.talweg.tape;

import org.talweg.ops.Device;
import org.talweg.tensor.Tensor;

/** Gives a parameter its first values, on the device. */
@FunctionalInterface
public interface Initializer {

    /**
     * @param parameter a zero-filled tensor of the parameter's shape
     * @param stream    the parameter's number in its model: with the seed it decides every random value
     */
    void fill(Device device, Tensor parameter, long seed, long stream);
}
