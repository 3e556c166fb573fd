package org.talweg.ops;

import org.talweg.tensor.Tensor;

/**
 * Losses with their gradients in one pass, in two forms: over the classes of a row, and element by element. Each
 * writes the loss of every row and, where it is wanted, the gradient over or beside the prediction; {@link LossBatch}
 * says where and by what both are multiplied. A value that is not finite makes its own row's loss not finite.
 */
public interface LossOps {

    /**
     * Cross-entropy of a row, see {@link CrossEntropy}: loss(i) = lossScale · f₀ · Σⱼ qᵢⱼ (−log pᵢⱼ), and its gradient
     * with gradientScale · f₀ as the factor: on logits Q softmax(zᵢ) − qᵢ with Q = Σⱼ qᵢⱼ, on log-probabilities −qᵢ.
     * On logits the row's maximum is subtracted first, so nothing overflows. A class with qᵢⱼ = 0 adds nothing,
     * whatever its prediction.
     *
     * <p>A label outside [0, classes) that is not the ignored one makes its row's loss and gradient NaN, so that the
     * step is skipped and reported, not silently wrong. Row hits are f₁ where the first largest prediction is the
     * label's, or the first largest target probability's, else 0; 0 in a row that is ignored or whose loss is NaN.
     *
     * @param batch        target INT32: a class number a row; FLOAT32: a probability for each class
     * @param classWeights [classes], or null for ones
     * @param factors      [2], f as {@link #labelFactors} wrote it; null for ones
     */
    void crossEntropy(CrossEntropy loss, LossBatch batch, Tensor classWeights, Tensor factors);

    /**
     * What turns a mean over all rows into one over the rows that count: factors ← {count / Σᵢ wᵢ, count / kept}, where
     * wᵢ is the class weight of row i's label, 0 where it is the ignored one, and kept the number of rows not ignored.
     * Summed in double and in fixed order. Where no row counts the factors are infinite, the loss and its gradient NaN
     * and the step skipped.
     *
     * @param labels       INT32
     * @param rows         which rows of {@code labels} are meant; null for the first {@code count}
     * @param classWeights [classes], or null for ones
     * @param weightedMean false leaves the first factor at 1: then the loss is a mean over all rows, or a sum
     */
    void labelFactors(CrossEntropy loss, Tensor labels, BatchRows rows, int count, Tensor classWeights,
                      boolean weightedMean, Tensor factors);

    /**
     * A loss of each element: loss(i) = lossScale · Σⱼ wⱼ f(pᵢⱼ, tᵢⱼ), gradient gradientScale · wⱼ ∂f/∂p;
     * {@link ElementwiseLoss} has the formulas. Row hits are the share of columns that are right.
     *
     * @param batch           target FLOAT32, with a row's columns as many as the prediction's
     * @param weights         w, [columns], or null for ones
     * @param positiveWeights [columns], for binary cross-entropy on logits; null for ones
     */
    void elementwise(ElementwiseLoss loss, LossBatch batch, Tensor weights, Tensor positiveWeights);
}
