package org.talweg.tape;

import org.talweg.tensor.Tensor;

/**
 * What forward and backward pass leave beside the gradients.
 *
 * @param rowLosses      [batch]
 * @param rowHits        [batch], or null where the loss has none
 * @param squarePartials partial sums of squares of all gradients
 */
public record BatchResult(Tensor rowLosses, Tensor rowHits, Tensor squarePartials) {
}
