package org.talweg.ops;

import org.talweg.tensor.Tensor;

/**
 * A loss in the terms of {@link LossOps}: its formula and what that is multiplied by.
 *
 * @param lossScale     what each row's loss is multiplied by
 * @param gradientScale what each row's gradient is multiplied by, in place of {@code lossScale}
 */
public record LossTerms(RowLoss loss, double lossScale, double gradientScale) {

    /** Of a row. */
    public sealed interface RowLoss {
    }

    /** The operands of {@link LossOps#crossEntropy}, each but the formula null for ones. */
    public record OfClasses(CrossEntropy formula, Tensor classWeights, Tensor factors) implements RowLoss {
    }

    /** The operands of {@link LossOps#elementwise}, each but the formula null for ones. */
    public record OfElements(ElementwiseLoss formula, Tensor weights, Tensor positiveWeights) implements RowLoss {
    }

    /** Applies it with a launch of its own, once checked and put together. */
    public Runnable plan(Ops ops, Tensor prediction, Tensor target, BatchRows rows, Tensor rowLosses, Tensor rowHits,
                         Tensor gradient) {
        LossBatch batch = new LossBatch(prediction, target, rows, lossScale, gradientScale, rowLosses, rowHits, gradient);
        if (loss instanceof OfClasses classes) {
            return () -> ops.loss().crossEntropy(classes.formula, batch, classes.classWeights, classes.factors);
        }
        OfElements elements = (OfElements) loss;
        return () -> ops.loss().elementwise(elements.formula, batch, elements.weights, elements.positiveWeights);
    }
}
