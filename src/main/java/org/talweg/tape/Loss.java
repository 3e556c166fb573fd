package org.talweg.tape;

import org.talweg.ops.BatchRows;
import org.talweg.ops.LossTerms;
import org.talweg.ops.Ops;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * A loss over predictions and targets, with its gradient in the same pass. It gives one value a row, scaled so that
 * the mean over the rows is the loss, however that is reduced: a sum's rows are multiplied by their number.
 */
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
     * What it keeps on the device besides: constants such as class weights, then room for what {@link #prepare} finds.
     * Empty if nothing; {@link ProgramMemory#of} uploads it.
     *
     * @param prediction shape of one row's prediction
     */
    default float[] constants(Shape prediction) {
        return new float[0];
    }

    /** Whether {@link #prepare} does anything. */
    default boolean isPrepared() {
        return false;
    }

    /**
     * Finds what depends on all rows that are reduced together, before the first of them is applied: the sum of their
     * class weights. Runs on the device as a part of the step.
     *
     * @param rows  which rows of {@code target} they are, or null for the first {@code count}
     * @param count how many they are
     * @param own   {@link #constants} on the device, or null if empty
     */
    default void prepare(Ops ops, Tensor target, BatchRows rows, int count, Tensor own) {
    }

    /**
     * In the terms of {@link org.talweg.ops.LossOps}, for steps that are fused; null if it has others.
     *
     * @param prediction shape of one row's prediction
     * @param count      rows that are reduced together
     * @param own        {@link #constants} on the device, or null if empty
     */
    default LossTerms terms(Shape prediction, int count, Tensor own) {
        return null;
    }

    /**
     * As the methods of {@link org.talweg.ops.LossOps}. The gradient is that of the mean over {@code count} rows.
     *
     * @param rows     which rows of {@code target} belong to the batch, or null for all of them in order
     * @param count    rows that are reduced together: the batch's, or those of all batches it is one of
     * @param own      {@link #constants} on the device, or null if empty
     * @param rowHits  [batch], or null if unwanted or {@link #hasHits} is false
     * @param gradient null for the loss alone; may be {@code prediction}
     */
    default void apply(Ops ops, Tensor prediction, Tensor target, BatchRows rows, int count, Tensor own,
                       Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        plan(ops, prediction, target, rows, count, own, rowLosses, rowHits, gradient).run();
    }

    /** {@link #apply}, checked and put together once, to be run many times without allocating anything. */
    Runnable plan(Ops ops, Tensor prediction, Tensor target, BatchRows rows, int count, Tensor own, Tensor rowLosses,
                  Tensor rowHits, Tensor gradient);
}
