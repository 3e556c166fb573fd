package org.talweg.ops;

import org.talweg.tensor.Shape;

/**
 * A range of the flat buffers that an update treats alike: one parameter.
 *
 * @param name         for messages
 * @param offset       first element, a multiple of 4
 * @param learningRate what the learning rate is multiplied by
 * @param weightDecay  what the weight decay is multiplied by; 0 to leave this parameter out
 * @param frozen       whether updates leave the parameter and its state alone, and norms its gradient out
 */
public record Segment(String name, long offset, Shape shape, float learningRate, float weightDecay, boolean frozen) {

    public Segment {
        if (offset < 0 || offset % 4 != 0) {
            throw new IllegalArgumentException("parameter " + name + " begins at element " + offset
                + "; it must be a multiple of 4");
        }
        check("learning-rate multiplier", name, learningRate);
        check("weight-decay multiplier", name, weightDecay);
    }

    /** All of a buffer, nothing special about it. */
    public static Segment whole(Shape shape) {
        return new Segment("parameters", 0, shape, 1, 1, false);
    }

    public long length() {
        return shape.elements();
    }

    /** Parts that have a norm of their own in adaptive clipping: rows of a matrix, filters, else all of it. */
    public int units() {
        return shape.rank() < 2 ? 1 : shape.dim(0);
    }

    private static void check(String what, String name, float value) {
        if (!(value >= 0 && value < Float.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(what + " of parameter " + name + " is " + value
                + "; it must be at least 0 and finite");
        }
    }
}
