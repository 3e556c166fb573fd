package org.talweg.report;

import java.util.Map;

/**
 * How a run ended.
 *
 * @param stopReason    why, in words
 * @param plannedEpochs that it was asked for
 * @param keptEpoch     whose parameters the model has; 0 if the last step's
 * @param keptMetric    by which that epoch was the best; null for the last
 * @param seconds       from the first step to the end, validation included; NaN if unknown
 * @param parameters    of the model
 * @param device        it ran on
 * @param test          figures over the test rows by name: {@code loss}, {@code accuracy} and other metrics
 */
public record Outcome(String stopReason, int plannedEpochs, int keptEpoch, String keptMetric, double seconds,
                      long parameters, String device, Map<String, Double> test) {
}
