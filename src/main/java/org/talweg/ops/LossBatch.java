package org.talweg.ops;

import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * What a loss reads and writes for one batch, checked once so that no backend has to.
 *
 * @param prediction    [batch×columns]
 * @param target        a class number a row (INT32, [rows]) or a value a column (FLOAT32, [rows×columns]): the
 *                      batch's own, or a whole data set's to be read through {@code rows}
 * @param rows          null: row i of the target belongs to prediction i
 * @param lossScale     what each row's loss is multiplied by
 * @param gradientScale what each row's gradient is multiplied by, in place of {@code lossScale}
 * @param rowLosses     [batch]
 * @param rowHits       [batch], how right each prediction is, from 0 to 1; or null
 * @param gradient      as {@code prediction}, which it may be: then it overwrites it; null for the loss alone
 */
public record LossBatch(Tensor prediction, Tensor target, BatchRows rows, double lossScale, double gradientScale,
                        Tensor rowLosses, Tensor rowHits, Tensor gradient) {

    /** @throws IllegalArgumentException naming the tensor, its shape and the one expected */
    public LossBatch {
        Shapes.expectRank("prediction", prediction, 2);
        int batch = prediction.dim(0);
        int columns = prediction.dim(1);
        if (target.dtype() == DType.INT32) {
            Shapes.expectRank("labels", target, 1);
            Shapes.expect("labels", target, rows == null ? batch : target.dim(0));
        } else {
            Shapes.expectRank("target", target, 2);
            Shapes.expect("target", target, rows == null ? batch : target.dim(0), columns);
        }
        Shapes.expect("row losses", rowLosses, batch);
        if (rowHits != null) {
            Shapes.expect("row hits", rowHits, batch);
        }
        if (gradient != null) {
            Shapes.expect("gradient of the prediction", gradient, prediction.shape());
        }
    }

    /** Rows of the prediction. */
    public int size() {
        return prediction.dim(0);
    }

    /** Classes or outputs. */
    public int columns() {
        return prediction.dim(1);
    }

    /** Whether targets are class numbers. */
    public boolean isLabelled() {
        return target.dtype() == DType.INT32;
    }

    /** Checks a tensor of one value a column; null is well. */
    public void expectColumns(String what, Tensor tensor) {
        if (tensor != null) {
            Shapes.expect(what, tensor, columns());
        }
    }

    /** Checks what {@link LossOps#elementwise} takes besides. */
    public void expectElementwise(ElementwiseLoss loss, Tensor weights, Tensor positiveWeights) {
        if (isLabelled()) {
            throw new IllegalArgumentException("target is INT32, class numbers; " + loss.formula()
                + " takes a value for each column");
        }
        expectColumns("weights", weights);
        expectColumns("positive weights", positiveWeights);
        if (positiveWeights != null && loss.formula() != ElementwiseLoss.Formula.BINARY_CROSS_ENTROPY) {
            throw new IllegalArgumentException("positive weights with " + loss.formula()
                + "; only BINARY_CROSS_ENTROPY has any");
        }
        if (rowHits != null && !loss.hasHits()) {
            throw new IllegalArgumentException("row hits of " + loss.formula()
                + ", which has no right or wrong; pass null");
        }
    }
}
