package org.talweg.ops;

import org.talweg.tensor.Tensor;

/**
 * Losses with their gradients in one pass. Each writes the loss of every row and, unless {@code gradient} is null,
 * {@code gradientScale} · ∂(row loss)/∂(prediction). With {@code gradientScale} = 1/batch the gradient is that of the
 * mean over rows. {@code gradient} may be the prediction itself: then it is overwritten.
 *
 * <p>Targets may be a whole data set's, read through {@code rows} (null: row i belongs to prediction i).
 */
public interface LossOps {

    /**
     * Softmax cross-entropy: loss(i) = log Σⱼ exp(zᵢⱼ) − zᵢ,ᵧ with the row's maximum subtracted first; gradient
     * softmax(zᵢ) − onehot(y).
     *
     * @param logits    [batch×classes]
     * @param labels    INT32, class numbers in [0, classes); a label outside makes its row's loss and gradient NaN,
     *                  so that the step is skipped and reported, not silently wrong
     * @param rowLosses [batch]
     * @param rowHits   [batch], 1 where the first largest logit is the label's, else 0; 0 in a row whose loss is NaN;
     *                  or null
     */
    void softmaxCrossEntropy(Tensor logits, Tensor labels, BatchRows rows, float gradientScale, Tensor rowLosses,
                             Tensor rowHits, Tensor gradient);

    /**
     * Squared error: loss(i) = (1/columns) Σⱼ (pᵢⱼ − tᵢⱼ)², gradient 2 (p − t) / columns.
     *
     * @param prediction [batch×columns]
     * @param target     FLOAT32, [batch×columns] or the data set's
     */
    void squaredError(Tensor prediction, Tensor target, BatchRows rows, float gradientScale, Tensor rowLosses,
                      Tensor gradient);

    /**
     * Binary cross-entropy on logits: loss(i) = (1/columns) Σⱼ max(z, 0) − z t + log(1 + exp(−|z|)), gradient
     * (σ(z) − t) / columns.
     *
     * @param logits  [batch×columns]
     * @param target  FLOAT32, probabilities in [0, 1], [batch×columns] or the data set's
     * @param rowHits [batch], the share of columns with (z > 0) = (t > ½); or null
     */
    void binaryCrossEntropyWithLogits(Tensor logits, Tensor target, BatchRows rows, float gradientScale,
                                      Tensor rowLosses, Tensor rowHits, Tensor gradient);
}
