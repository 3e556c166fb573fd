package org.talweg.ops;

import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Checks that say which tensor is wrong, what it is and what it should be. */
public final class Shapes {
    private Shapes() {
    }

    public static void expect(String what, Tensor tensor, Shape expected) {
        if (!tensor.shape().equals(expected)) {
            throw new IllegalArgumentException(what + " has shape " + tensor.shape() + ", expected " + expected);
        }
    }

    /** A vector, checked without a shape being made for it: these run in every training step. */
    public static void expect(String what, Tensor tensor, int length) {
        if (tensor.shape().rank() != 1 || tensor.dim(0) != length) {
            expect(what, tensor, Shape.of(length));
        }
    }

    /** A matrix. */
    public static void expect(String what, Tensor tensor, int rows, int columns) {
        if (tensor.shape().rank() != 2 || tensor.dim(0) != rows || tensor.dim(1) != columns) {
            expect(what, tensor, Shape.of(rows, columns));
        }
    }

    public static void expectRank(String what, Tensor tensor, int rank) {
        if (tensor.shape().rank() != rank) {
            throw new IllegalArgumentException(what + " has shape " + tensor.shape() + ", expected rank " + rank);
        }
    }

    public static void expectType(String what, Tensor tensor, DType expected) {
        if (tensor.dtype() != expected) {
            throw new IllegalArgumentException(what + " is " + tensor.dtype() + ", expected " + expected);
        }
    }

    /** Checks that a tensor has as many elements as the first; null is well. */
    public static void expectSameLength(String what, Tensor first, Tensor other) {
        if (other != null && other.elements() != first.elements()) {
            throw new IllegalArgumentException(what + " has " + other.elements() + " elements, expected "
                + first.elements());
        }
    }

    public static void expectSameLength(String what, Tensor first, Tensor second, Tensor third) {
        expectSameLength(what, first, second);
        expectSameLength(what, first, third);
    }

    public static void expectSameLength(String what, Tensor first, Tensor second, Tensor third, Tensor fourth) {
        expectSameLength(what, first, second, third);
        expectSameLength(what, first, fourth);
    }
}
