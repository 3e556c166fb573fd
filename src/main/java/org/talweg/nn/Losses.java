package org.talweg.nn;

import org.talweg.ops.BatchRows;
import org.talweg.ops.Ops;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** The losses. All are means over the rows of a batch; formulas in {@link org.talweg.ops.LossOps}. */
public final class Losses {
    private Losses() {
    }

    /** For one of several classes: predictions are logits [classes], targets class numbers. */
    public static Loss softmaxCrossEntropy() {
        return new SoftmaxCrossEntropy();
    }

    /** For numbers: mean over columns of the squared difference. */
    public static Loss squaredError() {
        return new SquaredError();
    }

    /** For yes or no: predictions are logits, targets 0 or 1 (or probabilities); mean over columns. */
    public static Loss binaryCrossEntropyWithLogits() {
        return new BinaryCrossEntropyWithLogits();
    }

    private record SoftmaxCrossEntropy() implements Loss {
        @Override
        public String name() {
            return "softmax_cross_entropy";
        }

        @Override
        public DType targetType() {
            return DType.INT32;
        }

        @Override
        public Shape targetRow(Shape prediction) {
            if (prediction.rank() != 1 || prediction.dim(0) < 2) {
                throw new IllegalArgumentException("softmax cross-entropy takes logits of at least 2 classes, not "
                    + prediction + "; for one yes-or-no logit use binary cross-entropy");
            }
            return Shape.of();
        }

        @Override
        public boolean hasHits() {
            return true;
        }

        @Override
        public void apply(Ops ops, Tensor prediction, Tensor target, BatchRows rows, float gradientScale,
                          Tensor rowLosses, Tensor rowHits, Tensor gradient) {
            ops.loss().softmaxCrossEntropy(prediction, target, rows, gradientScale, rowLosses, rowHits, gradient);
        }
    }

    private record SquaredError() implements Loss {
        @Override
        public String name() {
            return "squared_error";
        }

        @Override
        public DType targetType() {
            return DType.FLOAT32;
        }

        @Override
        public Shape targetRow(Shape prediction) {
            return prediction;
        }

        @Override
        public boolean hasHits() {
            return false;
        }

        @Override
        public void apply(Ops ops, Tensor prediction, Tensor target, BatchRows rows, float gradientScale,
                          Tensor rowLosses, Tensor rowHits, Tensor gradient) {
            ops.loss().squaredError(prediction, target, rows, gradientScale, rowLosses, gradient);
        }
    }

    private record BinaryCrossEntropyWithLogits() implements Loss {
        @Override
        public String name() {
            return "binary_cross_entropy";
        }

        @Override
        public DType targetType() {
            return DType.FLOAT32;
        }

        @Override
        public Shape targetRow(Shape prediction) {
            return prediction;
        }

        @Override
        public boolean hasHits() {
            return true;
        }

        @Override
        public void apply(Ops ops, Tensor prediction, Tensor target, BatchRows rows, float gradientScale,
                          Tensor rowLosses, Tensor rowHits, Tensor gradient) {
            ops.loss().binaryCrossEntropyWithLogits(prediction, target, rows, gradientScale, rowLosses, rowHits, gradient);
        }
    }
}
