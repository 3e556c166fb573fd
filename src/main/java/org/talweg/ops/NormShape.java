package org.talweg.ops;

import org.talweg.tensor.Tensor;

/**
 * The extents of a normalisation. Its checks skip nulls, name the tensor, its shape and the one expected, and allocate
 * nothing: they run in every training step.
 *
 * @param rows    of x
 * @param columns of x, and elements of weight and bias
 */
public record NormShape(int rows, int columns) {

    /** @throws IllegalArgumentException if x is no matrix */
    public static NormShape of(Tensor x) {
        Shapes.expectRank("normalised values", x, 2);
        return new NormShape(x.dim(0), x.dim(1));
    }

    /** Checks what has the shape of x. */
    public NormShape like(Tensor tensor) {
        if (tensor != null) {
            Shapes.expect("normalised values or their gradient", tensor, rows, columns);
        }
        return this;
    }

    /** Checks what has an element for each row. */
    public NormShape ofRows(Tensor mean, Tensor inverseDeviation) {
        expect("statistics of rows", mean, rows);
        expect("statistics of rows", inverseDeviation, rows);
        return this;
    }

    /** Checks what has an element for each column. */
    public NormShape ofColumns(Tensor first, Tensor second) {
        expect("weight, bias or statistics of columns", first, columns);
        expect("weight, bias or statistics of columns", second, columns);
        return this;
    }

    private static void expect(String what, Tensor tensor, int length) {
        if (tensor != null) {
            Shapes.expect(what, tensor, length);
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
