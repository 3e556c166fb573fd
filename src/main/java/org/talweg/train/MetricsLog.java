package org.talweg.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Writes an epoch's metrics as one line of JSON each: {@code {"epoch":1,"loss":0.5,…}}, names as in
 * {@link EpochMetrics#values}. A file from before is replaced when training begins. Each line is appended whole when
 * its epoch ends, so that the file can be followed while training runs and keeps what was reached if it fails.
 */
public final class MetricsLog implements Listener {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path path;

    public MetricsLog(Path path) {
        this.path = path;
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

    @Override
    public void onEpochEnd(EpochMetrics metrics) {
        ObjectNode line = JSON.createObjectNode().put("epoch", metrics.epoch());
        metrics.values().forEach((name, value) -> {
            if (Double.isFinite(value)) {
                line.put(name, value);
            } else {
                line.put(name, value.toString());
            }
        });
        try {
            Files.writeString(path, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException("the metrics cannot be written to " + path, e);
        }
    }
}
