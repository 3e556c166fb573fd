package org.talweg.tensor;

import java.util.Arrays;
import java.util.stream.Collectors;

/** The extents of a dense row-major tensor; the last dimension is contiguous. A scalar has rank 0. */
public final class Shape {
    private final int[] dims;

    private Shape(int[] dims) {
        this.dims = dims;
    }

    /**
     * @throws IllegalArgumentException if an extent is negative
     */
    public static Shape of(int... dims) {
        for (int dim : dims) {
            if (dim < 0) {
                throw new IllegalArgumentException("negative extent " + dim + " in shape " + Arrays.toString(dims));
            }
        }
        return new Shape(dims.clone());
    }

    public int rank() {
        return dims.length;
    }

    /** Extent of dimension {@code i}; negative {@code i} counts from the end. */
    public int dim(int i) {
        int index = i < 0 ? dims.length + i : i;
        if (index < 0 || index >= dims.length) {
            throw new IllegalArgumentException("dimension " + i + " of shape " + this + ", which has rank " + rank());
        }
        return dims[index];
    }

    /** Product of the extents, in 64 bits. */
    public long elements() {
        long product = 1;
        for (int dim : dims) {
            product = Math.multiplyExact(product, dim);
        }
        return product;
    }

    /** This shape with one more dimension in front: the shape of a batch of such samples. */
    public Shape batch(int rows) {
        int[] result = new int[dims.length + 1];
        result[0] = rows;
        System.arraycopy(dims, 0, result, 1, dims.length);
        return of(result);
    }

    /** This shape without its first dimension: the shape of one row. */
    public Shape row() {
        if (dims.length == 0) {
            throw new IllegalArgumentException("a scalar has no rows");
        }
        return new Shape(Arrays.copyOfRange(dims, 1, dims.length));
    }

    public int[] toArray() {
        return dims.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape that && Arrays.equals(dims, that.dims);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dims);
    }

    @Override
    public String toString() {
        return Arrays.stream(dims).mapToObj(Integer::toString).collect(Collectors.joining("×", "[", "]"));
    }
}
