package org.talweg.tape;

import org.talweg.ops.BatchRows;
import org.talweg.ops.Ops;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** A loss over predictions and targets, one value a row, with its gradient in the same pass. */
public interface Loss {

    /** As on the command line: {@code softmax_cross_entropy}. */
    String name();

    /** {@link DType#INT32} for class numbers, {@link DType#FLOAT32} for values. */
    DType targetType();

    /**
     * Shape of one row's target.
     *
     * @param prediction shape of one row's prediction
     * @throws IllegalArgumentException if this loss takes no such prediction
     */
    Shape targetRow(Shape prediction);

    /** Whether a row's prediction can be right or wrong, so that there is an accuracy. */
    boolean hasHits();

    /** Above which an output of a yes-or-no unit says yes: 0 for logits. */
    default float threshold() {
        return 0;
    }

    /**
     * As the methods of {@link org.talweg.ops.LossOps}.
     *
     * @param rows     which rows of {@code target} belong to the batch, or null for all of them in order
     * @param rowHits  [batch], or null if unwanted or {@link #hasHits} is false
     * @param gradient null for the loss alone; may be {@code prediction}
     */
    void apply(Ops ops, Tensor prediction, Tensor target, BatchRows rows, float gradientScale, Tensor rowLosses,
               Tensor rowHits, Tensor gradient);
}
