package org.talweg.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.talweg.files.WholeFile;

/**
 * Writes an epoch's metrics as one line of JSON each: {@code {"epoch":1,"loss":0.5,…}}, names as in
 * {@link EpochMetrics#values}. A file from before is replaced when training begins, and where a run goes on it keeps the
 * epochs before. Each line is appended whole when its epoch ends, so that the file can be followed while training runs and keeps what was reached if it fails.
 */
public final class MetricsLog implements Listener {
    /** Usual name of the file in a run's folder. */
    public static final String NAME = "metrics.jsonl";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path path;

    public MetricsLog(Path path) {
        this.path = path;
    }

    /**
     * The epochs of a file; a last line that was cut off is left out.
     *
     * @throws IOException if it cannot be read, or another line is damaged; says which
     */
    public static List<EpochMetrics> read(Path path) throws IOException {
        List<EpochMetrics> epochs = new ArrayList<>();
        List<String> lines = Files.readAllLines(path);
        for (int i = 0; i < lines.size(); i++) {
            try {
                epochs.add(epoch((ObjectNode) JSON.readTree(lines.get(i))));
            } catch (JsonProcessingException | ClassCastException | IllegalArgumentException e) {
                if (i + 1 < lines.size()) {
                    throw new IOException(path + ", line " + (i + 1) + " is damaged: " + lines.get(i), e);
                }
            }
        }
        return epochs;
    }

    private static EpochMetrics epoch(ObjectNode line) {
        Map<String, Double> values = new LinkedHashMap<>();
        // NaN and infinities are text.
        line.properties().forEach(entry -> values.put(entry.getKey(), entry.getValue().isNumber()
            ? entry.getValue().asDouble() : Double.valueOf(entry.getValue().asText())));
        int number = take(values, "epoch").intValue();
        return new EpochMetrics(number, take(values, "loss"), take(values, "accuracy"), take(values, "val_loss"),
            take(values, "val_accuracy"), take(values, "gradient_norm"), take(values, "learning_rate"),
            take(values, "steps").intValue(), take(values, "skipped_steps").intValue(),
            take(values, "samples_per_second"), values);
    }

    private static Double take(Map<String, Double> values, String name) {
        Double value = values.remove(name);
        return value == null ? Double.NaN : value;
    }

    /** Creates the directory if need be, and an empty file: so an unwritable place fails before the first epoch. */
    @Override
    public void onTrainBegin(Trainer trainer, int epochs, int stepsPerEpoch) {
        try {
            Files.createDirectories(path.toAbsolutePath().getParent());
            Files.writeString(path, "");
        } catch (IOException e) {
            throw new UncheckedIOException("the metrics cannot be written to " + path, e);
        }
    }

    /** Lines of epochs after the checkpoint go: those epochs come again. */
    @Override
    public void onResume(Trainer trainer, int epochs, int stepsPerEpoch, RunState run) {
        try {
            Files.createDirectories(path.toAbsolutePath().getParent());
            WholeFile.write(path, run.history().stream().map(MetricsLog::line).collect(Collectors.joining()));
        } catch (IOException e) {
            throw new UncheckedIOException("the metrics cannot be written to " + path, e);
        }
    }

    @Override
    public void onEpochEnd(EpochMetrics metrics) {
        try {
            Files.writeString(path, line(metrics), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException("the metrics cannot be written to " + path, e);
        }
    }

    private static String line(EpochMetrics metrics) {
        ObjectNode line = JSON.createObjectNode().put("epoch", metrics.epoch());
        metrics.values().forEach((name, value) -> {
            if (Double.isFinite(value)) {
                line.put(name, value);
            } else {
                line.put(name, value.toString());
            }
        });
        return line + "\n";
    }
}
