package org.talweg.train;

import java.util.List;

/** Running sums of an epoch, over the steps that were taken. */
final class EpochSums {
    private double losses;
    private double hits;
    private double norms;
    private long takenRows;
    private long rows;
    private int taken;
    private int skipped;
    private float learningRate;

    void add(List<StepMetrics> steps) {
        steps.forEach(this::add);
    }

    private void add(StepMetrics step) {
        learningRate = step.learningRate();
        rows += step.rows();
        if (step.skipped()) {
            skipped++;
            return;
        }
        losses += (double) step.loss() * step.rows();
        hits += (double) step.accuracy() * step.rows();
        norms += step.gradientNorm();
        takenRows += step.rows();
        taken++;
    }

    int steps() {
        return taken + skipped;
    }

    int skipped() {
        return skipped;
    }

    long rows() {
        return rows;
    }

    double loss() {
        return losses / takenRows;
    }

    double accuracy() {
        return hits / takenRows;
    }

    double gradientNorm() {
        return norms / taken;
    }

    float learningRate() {
        return learningRate;
    }
}
