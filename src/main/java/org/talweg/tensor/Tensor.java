package org.talweg.tensor;

import java.util.Objects;

/** A dense row-major view of a {@link Buffer}. Views own nothing: the buffer's allocator closes it. */
public final class Tensor {
    private final Buffer buffer;
    private final long offset;
    private final Shape shape;

    /**
     * @param offset first element of the view within the buffer
     * @throws IllegalArgumentException if the view does not fit
     */
    public Tensor(Buffer buffer, long offset, Shape shape) {
        this.buffer = Objects.requireNonNull(buffer);
        this.offset = offset;
        this.shape = shape;
        if (offset < 0 || offset + shape.elements() > buffer.length()) {
            throw new IllegalArgumentException("a view " + shape + " at " + offset + " does not fit a buffer of "
                + buffer.length() + " elements");
        }
    }

    public static Tensor of(Buffer buffer) {
        return new Tensor(buffer, 0, Shape.of(Math.toIntExact(buffer.length())));
    }

    public Buffer buffer() {
        return buffer;
    }

    /** First element within the buffer. */
    public long offset() {
        return offset;
    }

    public Shape shape() {
        return shape;
    }

    public DType dtype() {
        return buffer.dtype();
    }

    public long elements() {
        return shape.elements();
    }

    public int dim(int i) {
        return shape.dim(i);
    }

    /** The same elements under another shape. */
    public Tensor reshape(Shape other) {
        if (other.elements() != elements()) {
            throw new IllegalArgumentException("shape " + shape + " cannot be seen as " + other + ": "
                + elements() + " elements against " + other.elements());
        }
        return new Tensor(buffer, offset, other);
    }

    /** A view of {@code other} elements starting {@code start} elements into this one. */
    public Tensor view(long start, Shape other) {
        if (start < 0 || start + other.elements() > elements()) {
            throw new IllegalArgumentException("a view " + other + " at " + start + " does not fit " + shape);
        }
        return new Tensor(buffer, offset + start, other);
    }

    /** Rows {@code from} (included) to {@code to} (excluded) of the first dimension. */
    public Tensor rows(int from, int to) {
        Shape row = shape.row();
        return view(from * row.elements(), row.batch(to - from));
    }

    @Override
    public String toString() {
        return dtype() + " " + shape;
    }
}
