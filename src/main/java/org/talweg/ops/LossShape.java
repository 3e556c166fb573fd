package org.talweg.ops;

import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * The extents of a loss, checked once so that no backend has to.
 *
 * @param batch   rows of the prediction
 * @param columns classes or outputs
 */
public record LossShape(int batch, int columns) {

    /**
     * For a class number per row.
     *
     * @throws IllegalArgumentException naming the tensor, its shape and the one expected
     */
    public static LossShape labelled(Tensor logits, Tensor labels, BatchRows rows, Tensor rowLosses, Tensor rowHits,
                                     Tensor gradient) {
        LossShape shape = of(logits, rowLosses, rowHits, gradient);
        Shapes.expectType("labels", labels, DType.INT32);
        Shapes.expectRank("labels", labels, 1);
        if (rows == null) {
            Shapes.expect("labels", labels, Shape.of(shape.batch));
        }
        return shape;
    }

    /**
     * For a target per column.
     *
     * @throws IllegalArgumentException naming the tensor, its shape and the one expected
     */
    public static LossShape elementwise(Tensor prediction, Tensor target, BatchRows rows, Tensor rowLosses,
                                        Tensor rowHits, Tensor gradient) {
        LossShape shape = of(prediction, rowLosses, rowHits, gradient);
        Shapes.expectRank("target", target, 2);
        Shapes.expect("target", target, Shape.of(rows == null ? shape.batch : target.dim(0), shape.columns));
        return shape;
    }

    private static LossShape of(Tensor prediction, Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        Shapes.expectRank("prediction or logits", prediction, 2);
        LossShape shape = new LossShape(prediction.dim(0), prediction.dim(1));
        Shapes.expect("row losses", rowLosses, Shape.of(shape.batch));
        if (rowHits != null) {
            Shapes.expect("row hits", rowHits, Shape.of(shape.batch));
        }
        if (gradient != null) {
            Shapes.expect("gradient of the prediction", gradient, prediction.shape());
        }
        return shape;
    }
}
