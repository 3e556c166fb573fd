package org.talweg.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.talweg.analysis.GradientHealth;
import org.talweg.analysis.GradientLog;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.report.Report;
import org.talweg.tape.Loss;
import org.talweg.train.EpochMetrics;
import org.talweg.train.Evaluator;
import org.talweg.train.MetricsLog;

/** {@code report.html} of a run's folder, made from what the folder holds and what its model says of the test rows. */
final class RunReport {
    static final String NAME = "report.html";
    private static final int EVALUATION_BATCH = 1024;
    /** Of the landscape, by their files. */
    static final Map<String, String> PICTURES = Map.of(
        "contour.svg", "Contours of the loss around the model", "surface.svg", "The same as a relief",
        "line.svg", "The loss along one direction");

    private RunReport() {
    }

    /**
     * @param train    scaled
     * @param test     scaled
     * @param testRows the same, not scaled
     * @return where the report is
     */
    static Path write(RunFolder run, Model model, Loss loss, Dataset train, Dataset test, Dataset testRows)
        throws IOException {
        Path folder = run.path();
        Path metrics = run.metrics();
        Path gradients = run.gradients();
        List<EpochMetrics> history = Files.exists(metrics) ? MetricsLog.read(metrics) : List.of();
        Map<String, Map<String, String>> settings = new LinkedHashMap<>();
        settings.put("Run", Config.read(run.config()).table());
        int session = 0;
        for (JsonNode environment : run.sessions()) {
            settings.put(session == 0 ? "Environment" : "Environment, gone on " + session, table(environment));
            session++;
        }
        settings.values().removeIf(Map::isEmpty);
        String data = String.format(Locale.ROOT, "%s: %,d rows to train and %,d to test, %,d features",
            test.name(), train.rows(), test.rows(), test.columns());
        Report report = new Report(folder.toAbsolutePath().normalize().getFileName().toString(), data, history,
            ResultFile.read(run, model), Files.exists(gradients) ? GradientLog.read(gradients) : List.of(),
            GradientHealth.of(model, loss, train),
            test.rows() == 0 ? null : Evaluator.judge(model, loss, DataLoader.of(test, EVALUATION_BATCH)),
            test.rows() == 0 ? null : testRows, pictures(run.landscape()), settings);
        Path target = folder.resolve(NAME);
        report.write(target);
        return target;
    }

    private static Map<String, String> table(JsonNode object) {
        Map<String, String> table = new LinkedHashMap<>();
        object.properties().forEach(entry -> {
            JsonNode value = entry.getValue();
            table.put(entry.getKey().replace('_', ' '), value.isArray() ? StreamSupport.stream(value.spliterator(), false)
                .map(JsonNode::asText).collect(Collectors.joining(" ")) : value.asText());
        });
        return table;
    }

    private static Map<String, String> pictures(Path folder) throws IOException {
        Map<String, String> pictures = new LinkedHashMap<>();
        for (String file : List.of("contour.svg", "surface.svg", "line.svg")) {
            if (Files.isRegularFile(folder.resolve(file))) {
                pictures.put(PICTURES.get(file), Files.readString(folder.resolve(file)));
            }
        }
        return pictures;
    }
}
