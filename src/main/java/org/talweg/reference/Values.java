package org.talweg.reference;

import org.talweg.ops.BatchRows;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Tensor;

/** A tensor's elements as doubles, bounds checked; storing rounds once to the element type. */
record Values(HostBuffer buffer, long offset, long length) {

    static Values of(Tensor tensor) {
        return new Values((HostBuffer) tensor.buffer(), tensor.offset(), tensor.elements());
    }

    double get(long index) {
        return buffer.get(offset + check(index));
    }

    void set(long index, double value) {
        buffer.set(offset + check(index), value);
    }

    /** Stores {@code value}, added to the old value if {@code accumulate}; only then is the old value read. */
    void put(long index, double value, boolean accumulate) {
        set(index, accumulate ? get(index) + value : value);
    }

    /** Number of the source row that is row {@code i} of the batch. */
    static long sourceRow(BatchRows rows, int i) {
        return rows == null ? i : (long) of(rows.order()).get((long) of(rows.cursor()).get(0) + i);
    }

    private long check(long index) {
        if (index < 0 || index >= length) {
            throw new IndexOutOfBoundsException("element " + index + " of a tensor of " + length);
        }
        return index;
    }
}
