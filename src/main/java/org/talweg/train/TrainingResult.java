package org.talweg.train;

import java.util.Comparator;
import java.util.List;

/**
 * How a training run went.
 *
 * @param history       one entry per epoch
 * @param stopReason    why it ended, in words
 * @param restoredEpoch the best epoch, if the model was given back its parameters; else 0
 */
public record TrainingResult(List<EpochMetrics> history, String stopReason, int restoredEpoch) {

    public TrainingResult {
        history = List.copyOf(history);
    }

    public EpochMetrics last() {
        return history.get(history.size() - 1);
    }

    /**
     * The epoch with the best value: the highest or the lowest, as {@link Metrics#higherIsBetter} has it; the first of
     * equals.
     *
     * @param metric by Keras's name, such as {@code val_loss}
     * @throws IllegalArgumentException if no epoch has this metric
     */
    public EpochMetrics best(String metric) {
        return best(history, metric);
    }

    static EpochMetrics best(List<EpochMetrics> history, String metric) {
        double sign = Metrics.higherIsBetter(metric) ? -1 : 1;
        return history.stream().filter(epoch -> !Double.isNaN(epoch.get(metric)))
            .min(Comparator.comparingDouble(epoch -> sign * epoch.get(metric)))
            .orElseThrow(() -> new IllegalArgumentException("no epoch has a value for " + metric));
    }

    public int skippedSteps() {
        return history.stream().mapToInt(EpochMetrics::skippedSteps).sum();
    }
}
