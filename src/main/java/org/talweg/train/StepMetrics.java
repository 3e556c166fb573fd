package org.talweg.train;

/**
 * What one step showed, before its update.
 *
 * @param step         0 for the first of the run
 * @param epoch        1 for the first
 * @param rows         of the batch
 * @param loss         mean over the batch
 * @param accuracy     over the batch; NaN where the loss has none
 * @param gradientNorm global, before clipping
 * @param skipped      whether the update changed nothing because the gradient norm was not finite
 */
public record StepMetrics(long step, int epoch, int rows, float loss, float accuracy, float gradientNorm,
                          float learningRate, boolean skipped) {
}
