package org.talweg.tape;

import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * A tensor of a model and its place in a flat buffer. Parameters, gradients and optimizer state have the same layout,
 * so that the same parameter is the same range of each. What training keeps without a gradient
 * ({@link Tape#states}) is described the same way and lies in a buffer of its own.
 *
 * @param name        unique in the model: {@code dense_1.weight}
 * @param index       its number in the model, and the random stream of its initial values
 * @param offset      its first element in a flat buffer, a multiple of {@value #ALIGNMENT}
 * @param initializer its first values
 */
public record Parameter(String name, int index, long offset, Shape shape, Initializer initializer) {
    /** Elements to which offsets are rounded up, so that every parameter can be read 16 bytes at a time. */
    public static final int ALIGNMENT = 4;

    /** This parameter's part of a flat buffer. */
    public Tensor in(Tensor flat) {
        return flat.view(offset, shape);
    }

    static long align(long elements) {
        return (elements + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
}
