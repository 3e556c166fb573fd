package org.talweg.nn;

import java.util.Arrays;
import org.talweg.ops.BatchRows;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.LossTerms;
import org.talweg.ops.Ops;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Cross-entropy over classes, made by {@link Losses#softmaxCrossEntropy} or {@link Losses#nll}; formula in
 * {@link CrossEntropy}. Immutable: each setting gives a new one. Predictions are [classes].
 */
public final class ClassLoss implements Loss {
    /** Of {@link #constants}, behind the class weights. */
    private static final int FACTORS = 2;

    private final CrossEntropy formula;
    private final boolean probabilities;
    private final float[] classWeights;
    private final Reduction reduction;

    private ClassLoss(CrossEntropy formula, boolean probabilities, float[] classWeights, Reduction reduction) {
        this.formula = formula;
        this.probabilities = probabilities;
        this.classWeights = classWeights;
        this.reduction = reduction;
        if (probabilities && formula.ignoredLabel() != CrossEntropy.NONE) {
            throw new IllegalArgumentException(name() + " of probabilities has no labels that could be ignored, such as "
                + formula.ignoredLabel() + "; give such rows a target of zeros");
        }
    }

    static ClassLoss of(boolean logits) {
        return new ClassLoss(CrossEntropy.plain(logits), false, new float[0], Reduction.MEAN);
    }

    /**
     * Takes ε of each label's probability and spreads it evenly over all classes.
     *
     * @throws IllegalArgumentException if {@code smoothing} is not from 0 to 1
     */
    public ClassLoss labelSmoothing(float smoothing) {
        return new ClassLoss(new CrossEntropy(formula.logits(), smoothing, formula.ignoredLabel()), probabilities,
            classWeights, reduction);
    }

    /** Rows with this label have no loss, no gradient and no place in the accuracy; PyTorch's usual one is −100. */
    public ClassLoss ignoreIndex(int label) {
        return new ClassLoss(new CrossEntropy(formula.logits(), formula.labelSmoothing(), label), probabilities,
            classWeights, reduction);
    }

    /**
     * Multiplies each class's part of the loss, to weigh rare classes more.
     *
     * @param weights one for each class, none negative; nothing at all for no weights
     */
    public ClassLoss classWeights(float... weights) {
        return new ClassLoss(formula, probabilities, ElementLoss.checked("class weights", weights), reduction);
    }

    /** Targets are a probability for each class instead of class numbers. The mean is over rows, weighted or not. */
    public ClassLoss probabilities() {
        return new ClassLoss(formula, true, classWeights, reduction);
    }

    public ClassLoss reduction(Reduction value) {
        return new ClassLoss(formula, probabilities, classWeights, value);
    }

    @Override
    public String name() {
        return formula.logits() ? "softmax_cross_entropy" : "nll";
    }

    @Override
    public DType targetType() {
        return probabilities ? DType.FLOAT32 : DType.INT32;
    }

    @Override
    public Shape targetRow(Shape prediction) {
        if (prediction.rank() != 1 || prediction.dim(0) < 2) {
            throw new IllegalArgumentException(name() + " takes predictions of at least 2 classes, not " + prediction
                + "; for one yes-or-no logit use binary_cross_entropy");
        }
        if (classWeights.length != 0 && classWeights.length != prediction.dim(0)) {
            throw new IllegalArgumentException(name() + " has " + classWeights.length + " class weights, the model "
                + prediction.dim(0) + " classes; give one weight for each class");
        }
        return probabilities ? prediction : Shape.of();
    }

    @Override
    public boolean hasHits() {
        return true;
    }

    @Override
    public float[] constants(Shape prediction) {
        return Arrays.copyOf(classWeights, classWeights.length + (isPrepared() ? FACTORS : 0));
    }

    @Override
    public boolean isPrepared() {
        return formula.ignoredLabel() != CrossEntropy.NONE
            || classWeights.length > 0 && !probabilities && reduction == Reduction.MEAN;
    }

    @Override
    public void prepare(Ops ops, Tensor target, BatchRows rows, int count, Tensor own) {
        if (isPrepared()) {
            ops.loss().labelFactors(formula, target, rows, count, weights(own), reduction == Reduction.MEAN,
                factors(own));
        }
    }

    @Override
    public LossTerms terms(Shape prediction, int count, Tensor own) {
        double lossScale = reduction == Reduction.SUM ? count : 1;
        return new LossTerms(new LossTerms.OfClasses(formula, weights(own), isPrepared() ? factors(own) : null), lossScale,
            lossScale / count);
    }

    @Override
    public Runnable plan(Ops ops, Tensor prediction, Tensor target, BatchRows rows, int count, Tensor own,
                         Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        return terms(Shape.of(prediction.dim(1)), count, own).plan(ops, prediction, target, rows, rowLosses, rowHits,
            gradient);
    }

    private Tensor weights(Tensor own) {
        return classWeights.length == 0 ? null : own.view(0, Shape.of(classWeights.length));
    }

    private Tensor factors(Tensor own) {
        return own.view(classWeights.length, Shape.of(FACTORS));
    }

    @Override
    public String toString() {
        return name();
    }
}
