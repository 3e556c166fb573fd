package org.talweg.ops;

import org.talweg.tensor.Tensor;

/** Moving data on the device. Element types of 4 bytes. */
public interface DataOps {

    /** destination row i = source row {@code order[cursor + i]}, for as many rows as the destination has. */
    void gatherRows(Tensor source, BatchRows rows, Tensor destination);

    /** Sets every element to zero. */
    void zero(Tensor tensor);

    /** Copies all elements; both have the same number and type. */
    void copy(Tensor source, Tensor destination);

    /**
     * result = fma(b, second, fma(a, first, centre)), elementwise: a point of the plane through {@code centre}. With
     * a = b = 0 it is the centre, bit for bit, where the directions are finite. {@code result} may be any of the others.
     *
     * @param second or null: a point of the line along {@code first}
     */
    void combine(Tensor centre, float a, Tensor first, float b, Tensor second, Tensor result);
}
