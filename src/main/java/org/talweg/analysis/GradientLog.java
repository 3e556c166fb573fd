package org.talweg.analysis;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.talweg.analysis.GradientHealth.Condition;
import org.talweg.analysis.GradientHealth.Finding;
import org.talweg.analysis.GradientHealth.Layer;
import org.talweg.data.Dataset;
import org.talweg.files.WholeFile;
import org.talweg.optim.SavedState;
import org.talweg.train.Listener;
import org.talweg.train.RunState;
import org.talweg.train.StepMetrics;
import org.talweg.train.Trainer;

/**
 * Writes how gradients flow as one line of JSON each: before training and then at the end of about {@value #LOOKS} epochs
 * evenly spread, on the same rows each time. Few looks at few rows, so that training does not become noticeably slower:
 * a look costs as much as a step of its rows, which are {@value #SHARE} in a thousand of the training rows, at least
 * {@value #FEWEST} and at most {@value GradientProbe#ROWS}.
 */
public final class GradientLog implements Listener {
    private static final int LOOKS = 20;
    private static final int FEWEST = 128;
    private static final int SHARE = 10;
    private static final ObjectMapper JSON = new ObjectMapper();

    /** @param epoch 0 before training */
    public record Look(int epoch, GradientHealth health) {
    }

    private final Path path;
    private final Dataset batch;
    private GradientMonitor monitor;
    private int epoch;
    private int epochsApart;

    /** @param data of which the first rows are taken */
    public GradientLog(Path path, Dataset data) {
        this.path = path;
        int rows = (int) Math.min(Math.max(FEWEST, (long) data.rows() * SHARE / 1000), GradientProbe.ROWS);
        batch = data.select(IntStream.range(0, Math.min(rows, data.rows())).toArray());
    }

    /** A file from before is replaced. */
    @Override
    public void onTrainBegin(Trainer trainer, int epochs, int stepsPerEpoch) {
        write(() -> WholeFile.write(path, ""));
        epoch = 0;
        int every = plan(epochs, stepsPerEpoch);
        monitor = new GradientMonitor(batch, every, this::append);
        monitor.onTrainBegin(trainer, epochs, stepsPerEpoch);
    }

    /**
     * Looks after the checkpoint go: they come again. How far weights moved is not known at the first of them, because
     * where they were is not worth a place in every checkpoint.
     */
    @Override
    public void onResume(Trainer trainer, int epochs, int stepsPerEpoch, RunState run) {
        int every = plan(epochs, stepsPerEpoch);
        write(() -> WholeFile.write(path, (Files.exists(path) ? read(path) : List.<Look>of()).stream()
            .filter(look -> (long) look.epoch() * stepsPerEpoch <= run.steps()).map(GradientLog::line)
            .collect(Collectors.joining())));
        epoch = (int) (run.steps() / every + 1) * epochsApart;
        monitor = new GradientMonitor(batch, every, this::append);
        monitor.onResume(trainer, epochs, stepsPerEpoch, run);
        monitor.restore(new SavedState(Map.of(), Map.of("steps", (double) (run.steps() % every))));
    }

    /** Steps between looks. */
    private int plan(int epochs, int stepsPerEpoch) {
        epochsApart = (epochs + LOOKS - 1) / LOOKS;
        return Math.multiplyExact(epochsApart, stepsPerEpoch);
    }

    @Override
    public int stepsUntilReport() {
        return monitor.stepsUntilReport();
    }

    @Override
    public void onSteps(List<StepMetrics> steps) {
        monitor.onSteps(steps);
    }

    private void append(GradientHealth health) {
        write(() -> Files.writeString(path, line(new Look(epoch, health)), StandardOpenOption.CREATE,
            StandardOpenOption.APPEND));
        epoch += epochsApart;
    }

    private static String line(Look look) {
        GradientHealth health = look.health();
        ObjectNode line = JSON.createObjectNode().put("epoch", look.epoch());
        number(line, "loss", health.loss());
        number(line, "gradient_norm", health.gradientNorm());
        number(line, "attenuation", health.attenuation());
        ArrayNode layers = line.putArray("layers");
        for (Layer layer : health.layers()) {
            ObjectNode one = layers.addObject().put("name", layer.name());
            number(one, "weight_norm", layer.weightNorm());
            number(one, "gradient_norm", layer.gradientNorm());
            number(one, "signal", layer.signal());
            number(one, "update_ratio", layer.updateRatio());
            one.put("units", layer.units()).put("dead_units", layer.deadUnits());
            number(one, "saturation", layer.saturation());
        }
        ArrayNode findings = line.putArray("findings");
        health.findings().forEach(finding -> findings.addObject().put("condition", finding.condition().name())
            .put("words", finding.words()).put("advice", finding.advice()));
        return line + "\n";
    }

    private interface Writing {
        void run() throws IOException;
    }

    private void write(Writing writing) {
        try {
            writing.run();
        } catch (IOException e) {
            throw new UncheckedIOException("the gradients cannot be written to " + path, e);
        }
    }

    /** As text where JSON has no number. */
    private static void number(ObjectNode node, String key, double value) {
        if (Double.isFinite(value)) {
            node.put(key, value);
        } else {
            node.put(key, String.valueOf(value));
        }
    }

    /**
     * The looks of a file; a last line that was cut off is left out.
     *
     * @throws IOException if it cannot be read, or another line is damaged; says which
     */
    public static List<Look> read(Path path) throws IOException {
        List<Look> looks = new ArrayList<>();
        List<String> lines = Files.readAllLines(path);
        for (int i = 0; i < lines.size(); i++) {
            try {
                looks.add(look(JSON.readTree(lines.get(i))));
            } catch (JsonProcessingException | IllegalArgumentException e) {
                if (i + 1 < lines.size()) {
                    throw new IOException(path + ", line " + (i + 1) + " is damaged: " + lines.get(i), e);
                }
            }
        }
        return looks;
    }

    private static Look look(JsonNode line) {
        List<Layer> layers = new ArrayList<>();
        for (JsonNode one : line.required("layers")) {
            layers.add(new Layer(one.required("name").asText(), number(one, "weight_norm"), number(one, "gradient_norm"),
                number(one, "signal"), number(one, "update_ratio"), one.required("units").asInt(),
                one.required("dead_units").asInt(), number(one, "saturation")));
        }
        List<Finding> findings = new ArrayList<>();
        for (JsonNode one : line.required("findings")) {
            findings.add(new Finding(Condition.valueOf(one.required("condition").asText()),
                one.required("words").asText(), one.required("advice").asText()));
        }
        return new Look(line.required("epoch").asInt(), new GradientHealth(layers, number(line, "loss"),
            number(line, "gradient_norm"), number(line, "attenuation"), findings));
    }

    private static double number(JsonNode node, String key) {
        JsonNode value = node.required(key);
        return value.isNumber() ? value.asDouble() : Double.parseDouble(value.asText());
    }
}
