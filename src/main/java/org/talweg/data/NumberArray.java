package org.talweg.data;

import org.talweg.tensor.Shape;

/**
 * An array of numbers in a file: of any type that NumPy, safetensors and IDX files have, in row-major or column-major
 * order, in memory or mapped into it. A file that is mapped must not be cut short while it is in use.
 */
public final class NumberArray {
    private final String name;
    private final NumberType type;
    private final Shape shape;
    private final boolean columnMajor;
    private final Bytes bytes;
    private final long start;
    /** Distance of each number of a row from its first, in elements; null where that is its index. */
    private final long[] offsets;

    /**
     * @param name  for messages: file and array
     * @param start byte address of the first number; as many follow as the shape has
     */
    NumberArray(String name, NumberType type, Shape shape, boolean columnMajor, Bytes bytes, long start) {
        this.name = name;
        this.type = type;
        this.shape = shape;
        this.columnMajor = columnMajor && shape.rank() > 1;
        this.bytes = bytes;
        this.start = start;
        offsets = this.columnMajor && shape.elements() > 0 ? offsets(shape) : null;
    }

    private static long[] offsets(Shape shape) {
        long[] offsets = new long[(int) shape.row().elements()];
        int[] index = new int[shape.rank()];
        for (int column = 0; column < offsets.length; column++) {
            long stride = shape.dim(0);
            for (int i = 1; i < index.length; i++) {
                offsets[column] += index[i] * stride;
                stride *= shape.dim(i);
            }
            for (int i = index.length - 1; i > 0 && ++index[i] == shape.dim(i); i--) {
                index[i] = 0;
            }
        }
        return offsets;
    }

    public String name() {
        return name;
    }

    public Shape shape() {
        return shape;
    }

    /** Whether its type can have fractions. */
    public boolean isFloat() {
        return type.isFloat();
    }

    /** Extent of the first dimension; 1 for a single number. */
    int rows() {
        return shape.rank() == 0 ? 1 : shape.dim(0);
    }

    /** Numbers of one row, whatever its rank. */
    long columns() {
        return rows() == 0 || shape.rank() == 0 ? 1 : shape.row().elements();
    }

    /** Number {@code column} of row {@code row}, rows flattened in row-major order. */
    double get(int row, int column) {
        long element = offsets == null ? row * columns() + column : row + offsets[column];
        return bytes.get(type, start + element * type.bytes());
    }

    /** Its first dimension as rows, the others flattened; read where they lie. */
    public Rows asRows() {
        if (columns() > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(name + " of shape " + shape + " has rows longer than a Java array");
        }
        int columns = (int) columns();
        return new Rows() {
            @Override
            public int count() {
                return rows();
            }

            @Override
            public int columns() {
                return columns;
            }

            @Override
            public void read(int row, float[] destination, int offset) {
                for (int column = 0; column < columns; column++) {
                    destination[offset + column] = (float) get(row, column);
                }
            }
        };
    }

    @Override
    public String toString() {
        return name + " " + shape;
    }
}
