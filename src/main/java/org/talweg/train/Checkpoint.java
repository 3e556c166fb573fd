package org.talweg.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.data.Safetensors;
import org.talweg.files.Sha256;
import org.talweg.tensor.Shape;

/**
 * A training run as it was after some step, to go on from: {@link Trainer#resume}. A safetensors file: vectors as
 * tensors, the rest as JSON in the metadata, and a SHA-256 over both.
 */
public final class Checkpoint {
    private static final Logger LOG = LoggerFactory.getLogger(Checkpoint.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String KEY = "talweg.checkpoint";
    private static final String CHECKSUM = "talweg.sha256";
    private static final String FORMAT = "talweg-checkpoint/1";
    private static final String NAME = "step-%012d.safetensors";
    private static final String NAMES = "step-\\d{12}\\.safetensors";

    private final Path path;
    private final JsonNode numbers;
    private final Map<String, float[]> vectors;

    private Checkpoint(Path path, JsonNode numbers, Map<String, float[]> vectors) {
        this.path = path;
        this.numbers = numbers;
        this.vectors = vectors;
    }

    /** Where it was read from. */
    public Path path() {
        return path;
    }

    /** Steps done. */
    public long steps() {
        return numbers.path("steps").asLong();
    }

    /** Epochs finished. */
    public int epochs() {
        return numbers.path("history").size();
    }

    JsonNode numbers() {
        return numbers;
    }

    Map<String, float[]> vectors() {
        return vectors;
    }

    static void write(Path path, ObjectNode numbers, Map<String, float[]> vectors) throws IOException {
        String text = JSON.writeValueAsString(numbers.put("format", FORMAT));
        Map<String, Safetensors.Values> tensors = new LinkedHashMap<>();
        vectors.forEach((name, values) -> tensors.put(name, new Safetensors.Values(Shape.of(values.length), values)));
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put(KEY, text);
        metadata.put(CHECKSUM, checksum(text, vectors));
        Safetensors.write(path, new Safetensors.Content(metadata, tensors));
    }

    /**
     * @throws IOException if the file cannot be read, is no checkpoint of ours, or is damaged; says which
     */
    public static Checkpoint read(Path path) throws IOException {
        Safetensors.Content content = Safetensors.read(path);
        String text = content.metadata().get(KEY);
        if (text == null) {
            throw new IOException(path + " is no checkpoint: its metadata has no '" + KEY + "', only "
                + content.metadata().keySet());
        }
        Map<String, float[]> vectors = new LinkedHashMap<>();
        content.tensors().forEach((name, values) -> vectors.put(name, values.data()));
        if (!checksum(text, vectors).equals(content.metadata().get(CHECKSUM))) {
            throw new IOException(path + " is damaged: its checksum is not that of its content");
        }
        try {
            JsonNode numbers = JSON.readTree(text);
            if (!numbers.path("format").asText().equals(FORMAT)) {
                throw new IOException(path + " has the format '" + numbers.path("format").asText() + "', this version "
                    + "reads '" + FORMAT + "'");
            }
            return new Checkpoint(path, numbers, vectors);
        } catch (JsonProcessingException e) {
            throw new IOException(path + " is damaged: " + e.getOriginalMessage(), e);
        }
    }

    /**
     * The last checkpoint of a folder that is whole; a damaged one is named in the log and passed over.
     *
     * @return empty if there is none at all
     * @throws IOException if there are some, and all are damaged; says what is wrong with the last one
     */
    public static Optional<Checkpoint> latest(Path folder) throws IOException {
        IOException failure = null;
        for (Path file : files(folder)) {
            try {
                return Optional.of(read(file));
            } catch (IOException e) {
                LOG.warn("{}; it is passed over", e.getMessage());
                failure = failure == null ? e : failure;
            }
        }
        if (failure != null) {
            throw new IOException("no checkpoint in " + folder + " is whole: " + failure.getMessage(), failure);
        }
        return Optional.empty();
    }

    static Path file(Path folder, long steps) {
        return folder.resolve(String.format(NAME, steps));
    }

    /** Those in a folder, last first. */
    static List<Path> files(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().matches(NAMES))
                .sorted(Comparator.comparing(Path::getFileName).reversed()).toList();
        }
    }

    private static String checksum(String text, Map<String, float[]> vectors) {
        Sha256 sum = new Sha256().add(text);
        vectors.forEach((name, values) -> sum.add(name).add(values));
        return sum.hex();
    }
}
