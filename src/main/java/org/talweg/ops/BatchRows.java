package org.talweg.ops;

import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * Says which rows of a data set make up the current batch, entirely in device memory: row i of the batch is row
 * {@code order[cursor + i]} of the source. Kernels that take one read the data set in place, so no batch is copied,
 * and moving the cursor on the device moves a captured graph to its next batch.
 *
 * @param order  INT32, the epoch's permutation of row numbers
 * @param cursor INT32, one element: position of the batch's first row in {@code order}
 */
public record BatchRows(Tensor order, Tensor cursor) {
    public BatchRows {
        if (order.dtype() != DType.INT32 || cursor.dtype() != DType.INT32 || cursor.elements() != 1) {
            throw new IllegalArgumentException("batch rows are an INT32 order and one INT32 cursor, not "
                + order + " and " + cursor);
        }
    }
}
