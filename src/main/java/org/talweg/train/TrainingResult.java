package org.talweg.train;

import java.util.Comparator;
import java.util.List;

/**
 * How a training run went.
 *
 * @param history    one entry per epoch
 * @param stopReason why it ended, in words
 */
public record TrainingResult(List<EpochMetrics> history, String stopReason) {

    public TrainingResult {
        history = List.copyOf(history);
    }

    public EpochMetrics last() {
        return history.get(history.size() - 1);
    }

    /**
     * The epoch with the highest accuracy, or the lowest value of any other metric; the first of equals.
     *
     * @param metric by Keras's name, such as {@code val_loss}
     * @throws IllegalArgumentException if no epoch has this metric
     */
    public EpochMetrics best(String metric) {
        double sign = metric.endsWith("accuracy") ? -1 : 1;
        return history.stream().filter(epoch -> !Double.isNaN(epoch.get(metric)))
            .min(Comparator.comparingDouble(epoch -> sign * epoch.get(metric)))
            .orElseThrow(() -> new IllegalArgumentException("no epoch has a value for " + metric));
    }

    public int skippedSteps() {
        return history.stream().mapToInt(EpochMetrics::skippedSteps).sum();
    }
}
