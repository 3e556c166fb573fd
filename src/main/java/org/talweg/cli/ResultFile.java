package org.talweg.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.talweg.files.WholeFile;
import org.talweg.nn.Model;
import org.talweg.report.Outcome;
import org.talweg.train.Evaluation;
import org.talweg.train.TrainingResult;

/** {@code result.json}: how a run ended, and its figures over the test rows; what it ran on, environment.json has. */
final class ResultFile {
    static final String NAME = "result.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    private ResultFile() {
    }

    /** @param keptMetric whose best epoch was kept, or null for the last */
    static void write(Path folder, TrainingResult result, Evaluation test, int plannedEpochs, String keptMetric,
                      double seconds) throws IOException {
        ObjectNode root = JSON.createObjectNode();
        root.put("stop_reason", result.stopReason()).put("epochs", result.history().size())
            .put("planned_epochs", plannedEpochs).put("kept_epoch", result.restoredEpoch()).put("kept_metric", keptMetric)
            .put("skipped_steps", result.skippedSteps()).put("seconds", seconds);
        ObjectNode figures = root.putObject("test");
        figures(test).forEach((name, value) -> {
            if (Double.isFinite(value)) {
                figures.put(name, value);
            } else {
                figures.put(name, value.toString());
            }
        });
        WholeFile.write(folder.resolve(NAME), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
    }

    private static Map<String, Double> figures(Evaluation test) {
        Map<String, Double> figures = new LinkedHashMap<>();
        figures.put("loss", test.loss());
        if (!Double.isNaN(test.accuracy())) {
            figures.put("accuracy", test.accuracy());
        }
        figures.putAll(test.metrics());
        return figures;
    }

    /** An empty object if there is no such file. */
    static JsonNode tree(Path folder) throws IOException {
        Path file = folder.resolve(NAME);
        try {
            return Files.exists(file) ? JSON.readTree(file.toFile()) : JSON.createObjectNode();
        } catch (JsonProcessingException e) {
            throw new IOException(file + " is damaged: " + e.getOriginalMessage(), e);
        }
    }

    static Outcome read(RunFolder run, Model model) throws IOException {
        JsonNode root = tree(run.path());
        Map<String, Double> figures = new LinkedHashMap<>();
        root.path("test").properties().forEach(figure -> figures.put(figure.getKey(), number(figure.getValue())));
        return new Outcome(root.path("stop_reason").asText(), root.path("planned_epochs").asInt(),
            root.path("kept_epoch").asInt(), root.path("kept_metric").asText(null), number(root.path("seconds")),
            model.parameterCount(), run.device(), figures);
    }

    /** NaN and infinities are text, and what is missing is NaN. */
    private static double number(JsonNode node) {
        return node.isNumber() ? node.asDouble() : switch (node.asText()) {
            case "Infinity" -> Double.POSITIVE_INFINITY;
            case "-Infinity" -> Double.NEGATIVE_INFINITY;
            default -> Double.NaN;
        };
    }
}
