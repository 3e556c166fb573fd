package org.talweg.nn;

import java.util.Arrays;
import org.talweg.ops.BatchRows;
import org.talweg.ops.ElementwiseLoss;
import org.talweg.ops.ElementwiseLoss.Formula;
import org.talweg.ops.LossTerms;
import org.talweg.ops.Ops;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * A loss of each prediction and its target, made by {@link Losses}; formulas in {@link ElementwiseLoss.Formula}.
 * Immutable: each setting gives a new one.
 */
public final class ElementLoss implements Loss {
    private final String name;
    private final ElementwiseLoss formula;
    private final Reduction reduction;
    private final float[] weights;
    private final float[] positiveWeights;

    private ElementLoss(String name, ElementwiseLoss formula, Reduction reduction, float[] weights,
                        float[] positiveWeights) {
        this.name = name;
        this.formula = formula;
        this.reduction = reduction;
        this.weights = weights;
        this.positiveWeights = positiveWeights;
    }

    /** @param positiveWeights of binary cross-entropy on logits; else none */
    static ElementLoss of(String name, ElementwiseLoss formula, float... positiveWeights) {
        return new ElementLoss(name, formula, Reduction.MEAN, new float[0],
            checked("positive weights", positiveWeights));
    }

    public ElementLoss reduction(Reduction value) {
        return new ElementLoss(name, formula, value, weights, positiveWeights);
    }

    /**
     * Multiplies the loss of each column. The mean's divisor stays the number of elements.
     *
     * @param values one for each column, none negative; nothing at all for no weights
     */
    public ElementLoss weights(float... values) {
        return new ElementLoss(name, formula, reduction, checked("weights", values), positiveWeights);
    }

    /** A copy of weights that may be. */
    static float[] checked(String what, float[] values) {
        for (float value : values) {
            if (!(value >= 0 && value < Float.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(what + " are " + Arrays.toString(values)
                    + "; each must be at least 0 and finite");
            }
        }
        return values.clone();
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public DType targetType() {
        return DType.FLOAT32;
    }

    @Override
    public Shape targetRow(Shape prediction) {
        expectColumns("weights", weights, prediction);
        expectColumns("positive weights", positiveWeights, prediction);
        return prediction;
    }

    private void expectColumns(String what, float[] values, Shape prediction) {
        if (values.length != 0 && values.length != prediction.elements()) {
            throw new IllegalArgumentException(name + " has " + values.length + " " + what + ", the model "
                + prediction.elements() + " outputs; give one for each output");
        }
    }

    @Override
    public boolean hasHits() {
        return formula.hasHits();
    }

    @Override
    public float threshold() {
        return formula.formula() == Formula.BINARY_CROSS_ENTROPY_PROBABILITIES ? 0.5f : 0;
    }

    @Override
    public float[] constants(Shape prediction) {
        float[] all = Arrays.copyOf(weights, weights.length + positiveWeights.length);
        System.arraycopy(positiveWeights, 0, all, weights.length, positiveWeights.length);
        return all;
    }

    @Override
    public LossTerms terms(Shape prediction, int count, Tensor own) {
        double columns = prediction.elements();
        double lossScale = switch (reduction) {
            case MEAN -> 1 / columns;
            case BATCH_MEAN -> 1;
            case SUM -> count;
        };
        return new LossTerms(new LossTerms.OfElements(formula, part(own, 0, weights),
            part(own, weights.length, positiveWeights)), lossScale, lossScale / count);
    }

    @Override
    public Runnable plan(Ops ops, Tensor prediction, Tensor target, BatchRows rows, int count, Tensor own,
                         Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        return terms(Shape.of(prediction.dim(1)), count, own).plan(ops, prediction, target, rows, rowLosses, rowHits,
            gradient);
    }

    private static Tensor part(Tensor own, int start, float[] values) {
        return values.length == 0 ? null : own.view(start, Shape.of(values.length));
    }

    @Override
    public String toString() {
        return name;
    }
}
