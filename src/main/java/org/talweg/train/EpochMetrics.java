package org.talweg.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What one epoch showed. Values that do not exist are NaN: accuracies of a regression, validation without validation
 * data.
 *
 * @param epoch            1 for the first
 * @param loss             mean over the rows of the steps taken, each measured before its step; skipped steps are left
 *                         out, and if all were skipped it is NaN
 * @param accuracy         share of rows predicted right, measured likewise
 * @param valLoss          mean over the validation rows, after the epoch
 * @param gradientNorm     mean over the steps taken of the global norm before clipping
 * @param learningRate     of the last step
 * @param steps            including skipped ones
 * @param skippedSteps     steps that changed nothing because the gradient norm was not finite
 * @param samplesPerSecond training rows per second of the training part of the epoch
 * @param metrics          the trainer's metrics over the validation rows, as {@code val_mae}
 */
public record EpochMetrics(int epoch, double loss, double accuracy, double valLoss, double valAccuracy,
                           double gradientNorm, double learningRate, int steps, int skippedSteps,
                           double samplesPerSecond, Map<String, Double> metrics) {
    private static final List<String> NAMES = List.of("loss", "accuracy", "val_loss", "val_accuracy", "gradient_norm",
        "learning_rate", "steps", "skipped_steps", "samples_per_second");

    public EpochMetrics {
        metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    }

    /** The values that exist, under Keras's names, in the order of this record. */
    public Map<String, Double> values() {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("loss", loss);
        values.put("accuracy", accuracy);
        values.put("val_loss", valLoss);
        values.put("val_accuracy", valAccuracy);
        values.putAll(metrics);
        values.put("gradient_norm", gradientNorm);
        values.put("learning_rate", learningRate);
        values.put("steps", (double) steps);
        values.put("skipped_steps", (double) skippedSteps);
        values.put("samples_per_second", samplesPerSecond);
        values.values().removeIf(value -> value.isNaN());
        return values;
    }

    /**
     * One value by Keras's name, NaN if this epoch has none.
     *
     * @throws IllegalArgumentException if no such name exists; lists those there are
     */
    public double get(String name) {
        return switch (name) {
            case "loss" -> loss;
            case "accuracy" -> accuracy;
            case "val_loss" -> valLoss;
            case "val_accuracy" -> Double.isNaN(valAccuracy) ? metrics.getOrDefault(name, valAccuracy) : valAccuracy;
            case "gradient_norm" -> gradientNorm;
            case "learning_rate" -> learningRate;
            case "steps" -> steps;
            case "skipped_steps" -> skippedSteps;
            case "samples_per_second" -> samplesPerSecond;
            default -> {
                if (!metrics.containsKey(name)) {
                    throw new IllegalArgumentException("no metric '" + name + "'; there are "
                        + Stream.concat(NAMES.stream(), metrics.keySet().stream().filter(m -> !NAMES.contains(m)))
                        .collect(Collectors.joining(", ")));
                }
                yield metrics.get(name);
            }
        };
    }

    /** Everything, for a checkpoint; {@link #values} leaves out what does not exist. */
    ObjectNode toJson() {
        ObjectNode node = JsonNodeFactory.instance.objectNode().put("epoch", epoch).put("loss", loss)
            .put("accuracy", accuracy).put("val_loss", valLoss).put("val_accuracy", valAccuracy)
            .put("gradient_norm", gradientNorm).put("learning_rate", learningRate).put("steps", steps)
            .put("skipped_steps", skippedSteps).put("samples_per_second", samplesPerSecond);
        ObjectNode others = node.putObject("metrics");
        metrics.forEach(others::put);
        return node;
    }

    static EpochMetrics of(JsonNode node) {
        Map<String, Double> metrics = new LinkedHashMap<>();
        node.path("metrics").properties().forEach(entry -> metrics.put(entry.getKey(),
            entry.getValue().asDouble(Double.NaN)));
        return new EpochMetrics(node.path("epoch").asInt(), number(node, "loss"), number(node, "accuracy"),
            number(node, "val_loss"), number(node, "val_accuracy"), number(node, "gradient_norm"),
            number(node, "learning_rate"), node.path("steps").asInt(), node.path("skipped_steps").asInt(),
            number(node, "samples_per_second"), metrics);
    }

    private static double number(JsonNode node, String name) {
        return node.path(name).asDouble(Double.NaN);
    }

    @Override
    public String toString() {
        return "epoch " + epoch + values().entrySet().stream()
            .map(entry -> String.format(Locale.ROOT, " %s %.6g", entry.getKey(), entry.getValue()))
            .collect(Collectors.joining());
    }
}
