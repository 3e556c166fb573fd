package org.talweg.nn;

/**
 * How the losses of elements become the one number that is minimised. PyTorch's {@code none} is what
 * {@link org.talweg.tape.Loss#apply} writes: a value for each row.
 */
public enum Reduction {
    /**
     * Mean over all elements, PyTorch's {@code mean}. With class weights or an ignored label: Σ w ℓ / Σ w over the
     * rows' labels.
     */
    MEAN,
    /**
     * Mean over rows of the sum over columns, PyTorch's {@code batchmean} and Keras' {@code sum_over_batch_size}. Class
     * weights do not change the divisor, and ignored rows count in it.
     */
    BATCH_MEAN,
    /** Sum over all elements: the gradient grows with the batch. */
    SUM
}
