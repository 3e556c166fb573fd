package org.talweg.tape;

import org.talweg.tensor.Tensor;

/**
 * What forward and backward pass leave beside the gradients.
 *
 * @param rowLosses      [batch]
 * @param rowHits        [batch], or null where the loss has none
 * @param squarePartials partial sums of squares of all gradients
 * @param trainedOnly    whether those of frozen parameters are left out of the sums
 */
public record BatchResult(Tensor rowLosses, Tensor rowHits, Tensor squarePartials, boolean trainedOnly) {
}
