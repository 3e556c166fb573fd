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
}
