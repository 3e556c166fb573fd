package org.talweg.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
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

    /** The sums so far, for a checkpoint. */
    ObjectNode toJson() {
        return JsonNodeFactory.instance.objectNode().put("losses", losses).put("hits", hits).put("norms", norms)
            .put("taken_rows", takenRows).put("rows", rows).put("taken", taken).put("skipped", skipped)
            .put("learning_rate", learningRate);
    }

    static EpochSums of(JsonNode node) {
        EpochSums sums = new EpochSums();
        sums.losses = node.path("losses").asDouble(Double.NaN);
        sums.hits = node.path("hits").asDouble(Double.NaN);
        sums.norms = node.path("norms").asDouble(Double.NaN);
        sums.takenRows = node.path("taken_rows").asLong();
        sums.rows = node.path("rows").asLong();
        sums.taken = node.path("taken").asInt();
        sums.skipped = node.path("skipped").asInt();
        sums.learningRate = (float) node.path("learning_rate").asDouble(Double.NaN);
        return sums;
    }

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
