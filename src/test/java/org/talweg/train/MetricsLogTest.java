package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Metrics by name, and as lines of JSON. */
class MetricsLogTest {
    private static final EpochMetrics FIRST =
        new EpochMetrics(1, 0.5, Double.NaN, 0.25, Double.NaN, 2, 0.01f, 10, 0, 1000, Map.of());
    private static final EpochMetrics SECOND =
        new EpochMetrics(2, 0.75, 0.5, Double.POSITIVE_INFINITY, 0.25, 2, 0.01f, 10, 3, 1000, Map.of());
    @TempDir
    Path directory;

    @Test
    void oneLineAnEpoch() throws IOException {
        Path path = directory.resolve("run/metrics.jsonl");
        Files.createDirectories(path.getParent());
        Files.writeString(path, "from an earlier run\n");
        MetricsLog log = new MetricsLog(path);
        log.onTrainBegin(null, 2, 10);
        log.onEpochEnd(FIRST);
        assertEquals(1, Files.readAllLines(path).size(), "a line must be there as soon as its epoch ends");
        log.onEpochEnd(SECOND);
        List<String> lines = Files.readAllLines(path);
        assertEquals(2, lines.size());
        assertEquals("{\"epoch\":1,\"loss\":0.5,\"val_loss\":0.25,\"gradient_norm\":2.0,"
            + "\"learning_rate\":0.009999999776482582,\"steps\":10.0,\"skipped_steps\":0.0,"
            + "\"samples_per_second\":1000.0}", lines.get(0));
        JsonNode second = new ObjectMapper().readTree(lines.get(1));
        assertEquals("Infinity", second.get("val_loss").asText());
        assertEquals(0.25, second.get("val_accuracy").asDouble());
        assertFalse(lines.get(0).contains("accuracy"));
    }

    @Test
    void whatWasWrittenReadsBack() throws IOException {
        Path path = directory.resolve("metrics.jsonl");
        MetricsLog log = new MetricsLog(path);
        log.onTrainBegin(null, 3, 10);
        EpochMetrics third = new EpochMetrics(3, Double.NaN, 0.5, 1, 0.5, 2, 0.01, 10, 3, 1000, Map.of("val_f1", 0.75));
        for (EpochMetrics epoch : List.of(FIRST, SECOND, third)) {
            log.onEpochEnd(epoch);
        }
        assertEquals(List.of(FIRST, SECOND, third), MetricsLog.read(path));
        String text = Files.readString(path);
        Files.writeString(path, text.substring(0, text.length() - 30));
        assertEquals(List.of(FIRST, SECOND), MetricsLog.read(path), "cut off while it was written");
        Files.writeString(path, "[]\n" + text);
        String message = assertThrows(IOException.class, () -> MetricsLog.read(path)).getMessage();
        assertTrue(message.contains("metrics.jsonl, line 1 is damaged"), message);
    }

    @Test
    void anUnwritablePlaceFailsBeforeTheFirstEpoch() throws IOException {
        Path file = Files.writeString(directory.resolve("file"), "");
        MetricsLog log = new MetricsLog(file.resolve("metrics.jsonl"));
        String message = assertThrows(UncheckedIOException.class, () -> log.onTrainBegin(null, 1, 1)).getMessage();
        assertTrue(message.contains("cannot be written to " + file), message);
    }

    @Test
    void theBestEpochByAMetric() {
        TrainingResult result = new TrainingResult(List.of(FIRST, SECOND), "done", 0);
        assertEquals(1, result.best("loss").epoch());
        assertEquals(1, result.best("val_loss").epoch());
        assertEquals(2, result.best("accuracy").epoch());
        assertEquals(2, result.last().epoch());
        assertEquals(3, result.skippedSteps());
        String message = assertThrows(IllegalArgumentException.class, () -> result.best("f1")).getMessage();
        assertTrue(message.startsWith("no metric 'f1'; there are loss, accuracy, val_loss"), message);
    }
}
