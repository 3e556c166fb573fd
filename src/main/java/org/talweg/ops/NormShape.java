package org.talweg.ops;

import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * The extents of a normalisation, checked once so that no backend has to.
 *
 * @param rows    of x
 * @param columns of x, and elements of weight and bias
 */
public record NormShape(int rows, int columns) {

    /**
     * @param perRow    what has an element for each row; nulls are skipped
     * @param perColumn what has an element for each column; nulls are skipped
     * @throws IllegalArgumentException naming the tensor, its shape and the one expected
     */
    public static NormShape of(Tensor x, Tensor[] likeX, Tensor[] perRow, Tensor[] perColumn) {
        Shapes.expectRank("normalised values", x, 2);
        NormShape shape = new NormShape(x.dim(0), x.dim(1));
        expect("normalised values or their gradient", likeX, x.shape());
        expect("statistics of rows", perRow, Shape.of(shape.rows));
        expect("weight, bias or statistics of columns", perColumn, Shape.of(shape.columns));
        return shape;
    }

    private static void expect(String what, Tensor[] tensors, Shape expected) {
        for (Tensor tensor : tensors) {
            if (tensor != null) {
                Shapes.expect(what, tensor, expected);
            }
        }
    }

    /** @throws IllegalArgumentException if there is one row, whose variance says nothing */
    public NormShape expectSeveralRows() {
        if (rows < 2) {
            throw new IllegalArgumentException("batch normalisation needs at least 2 rows in a batch, not " + rows
                + ": choose a batch size that does not leave one row over");
        }
        return this;
    }
}
