package org.talweg.tensor;

/**
 * A buffer in the Java heap, for the backends that compute there. Exactly one of the arrays exists, by element type;
 * fast code takes the array, the reference goes through {@link #get} and {@link #set}.
 */
public final class HostBuffer implements Buffer {
    /** Most elements of a buffer, whatever their type. */
    public static final int LONGEST = Integer.MAX_VALUE - 32;
    /** With the array's header of 16 bytes a line of the cache. */
    private static final int FLOATS_START = 12;

    private final DType dtype;
    private final int length;
    private final Runnable onClose;
    private float[] floats;
    private double[] doubles;
    private int[] ints;
    private boolean closed;

    /**
     * @param onClose told once, when the buffer is closed; the owner's books
     */
    public HostBuffer(DType dtype, long length, Runnable onClose) {
        if (length > LONGEST) {
            throw new IllegalArgumentException("a Java array holds at most " + LONGEST + " elements, not " + length);
        }
        this.dtype = dtype;
        this.length = (int) length;
        this.onClose = onClose;
        switch (dtype) {
            case FLOAT32 -> floats = new float[FLOATS_START + this.length];
            case FLOAT64 -> doubles = new double[this.length];
            case INT32 -> ints = new int[this.length];
        }
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    @Override
    public long length() {
        return length;
    }

    /**
     * Index of the first element in its array. Floats start a line of the cache where their array does, as large ones
     * do that the G1 collector allocates: vectors that cross lines are loaded at half the speed.
     */
    public int start() {
        return dtype == DType.FLOAT32 ? FLOATS_START : 0;
    }

    public float[] floats() {
        return opened(floats);
    }

    public double[] doubles() {
        return opened(doubles);
    }

    public int[] ints() {
        return opened(ints);
    }

    /** Element {@code index}, widened exactly. */
    public double get(long index) {
        return switch (dtype) {
            case FLOAT32 -> floats()[FLOATS_START + (int) index];
            case FLOAT64 -> doubles()[(int) index];
            case INT32 -> ints()[(int) index];
        };
    }

    /** Stores {@code value}, rounded once to the element type. */
    public void set(long index, double value) {
        switch (dtype) {
            case FLOAT32 -> floats()[FLOATS_START + (int) index] = (float) value;
            case FLOAT64 -> doubles()[(int) index] = value;
            case INT32 -> ints()[(int) index] = (int) value;
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            floats = null;
            doubles = null;
            ints = null;
            onClose.run();
        }
    }

    private <A> A opened(A array) {
        if (array == null) {
            throw new IllegalStateException(closed
                ? "this " + dtype + " buffer of " + length + " elements is closed"
                : "this buffer holds " + dtype);
        }
        return array;
    }
}
