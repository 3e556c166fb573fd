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

    /** Checks that every given tensor has as many elements as the first. */
    public static void expectSameLength(String what, Tensor first, Tensor... others) {
        for (Tensor other : others) {
            if (other != null && other.elements() != first.elements()) {
                throw new IllegalArgumentException(what + " has " + other.elements() + " elements, expected "
                    + first.elements());
            }
        }
    }
}
