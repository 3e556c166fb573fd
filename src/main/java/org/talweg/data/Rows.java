package org.talweg.data;

/**
 * Rows of features, read one at a time from wherever they lie: an array, or a file that is mapped into memory and may be
 * larger than it. Safe to read from several threads.
 */
public interface Rows {
    int count();

    /** Numbers in a row. */
    int columns();

    /** Copies one row to {@code destination[offset]} and on. */
    void read(int row, float[] destination, int offset);

    /** The given rows in the given order. */
    default Rows select(int[] rows) {
        return new SelectedRows(this, rows);
    }

    /** The same rows, each number scaled with its column's shift and divisor. */
    default Rows scale(Scaler scaler) {
        return new ScaledRows(this, scaler);
    }

    /**
     * All rows, row-major.
     *
     * @throws IllegalArgumentException if they do not fit into an array, or into the heap
     */
    default float[] toArray() {
        long elements = (long) count() * columns();
        String size = count() + " rows of " + columns() + " numbers";
        if (elements > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(size + " are more than a Java array holds; read them row by row");
        }
        try {
            float[] all = new float[(int) elements];
            for (int row = 0; row < count(); row++) {
                read(row, all, row * columns());
            }
            return all;
        } catch (OutOfMemoryError e) {
            throw new IllegalArgumentException(size + " do not fit into the Java heap; give it more with -Xmx, or read "
                + "them row by row", e);
        }
    }

    /** Rows of an array, which is not copied. */
    static Rows of(float[] values, int columns) {
        return new ArrayRows(values, columns);
    }
}

record ArrayRows(float[] values, int columns) implements Rows {
    ArrayRows {
        if (columns < 1 || values.length % columns != 0) {
            throw new IllegalArgumentException(values.length + " values do not make rows of " + columns + " numbers");
        }
    }

    @Override
    public int count() {
        return values.length / columns;
    }

    @Override
    public void read(int row, float[] destination, int offset) {
        System.arraycopy(values, row * columns, destination, offset, columns);
    }

    /** A copy: later epochs read it in order. */
    @Override
    public Rows select(int[] rows) {
        float[] selected = new float[rows.length * columns];
        for (int i = 0; i < rows.length; i++) {
            read(rows[i], selected, i * columns);
        }
        return new ArrayRows(selected, columns);
    }

    @Override
    public Rows scale(Scaler scaler) {
        return new ArrayRows(scaler.apply(values), columns);
    }

    @Override
    public float[] toArray() {
        return values;
    }
}

record SelectedRows(Rows all, int[] rows) implements Rows {
    @Override
    public int count() {
        return rows.length;
    }

    @Override
    public int columns() {
        return all.columns();
    }

    @Override
    public void read(int row, float[] destination, int offset) {
        all.read(rows[row], destination, offset);
    }

    @Override
    public Rows select(int[] some) {
        int[] selected = new int[some.length];
        for (int i = 0; i < some.length; i++) {
            selected[i] = rows[some[i]];
        }
        return new SelectedRows(all, selected);
    }
}

/** Some columns, in their order. */
record SelectedColumns(Rows all, int[] chosen) implements Rows {
    @Override
    public int count() {
        return all.count();
    }

    @Override
    public int columns() {
        return chosen.length;
    }

    @Override
    public void read(int row, float[] destination, int offset) {
        float[] whole = new float[all.columns()];
        all.read(row, whole, 0);
        for (int i = 0; i < chosen.length; i++) {
            destination[offset + i] = whole[chosen[i]];
        }
    }
}

record ScaledRows(Rows raw, Scaler scaler) implements Rows {
    @Override
    public int count() {
        return raw.count();
    }

    @Override
    public int columns() {
        return raw.columns();
    }

    @Override
    public void read(int row, float[] destination, int offset) {
        raw.read(row, destination, offset);
        scaler.applyTo(destination, offset, columns());
    }

    /** Scaled after the selection, so that a chain of selections stays one. */
    @Override
    public Rows select(int[] rows) {
        return raw.select(rows).scale(scaler);
    }
}
