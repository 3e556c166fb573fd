package org.talweg.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.stream.StreamSupport;
import org.talweg.files.WholeFile;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.train.Checkpoints;
import org.talweg.train.Fingerprint;
import org.talweg.train.MetricsLog;

/** What a run leaves: its configuration, its surroundings, its figures, its checkpoints and its model. */
record RunFolder(Path path) {
    /** Every option, as {@code --config} takes it. */
    static final String CONFIG = "run.yaml";
    static final String TRAJECTORY = "trajectory.safetensors";
    private static final ObjectMapper JSON = new ObjectMapper();

    Path config() {
        return path.resolve(CONFIG);
    }

    /** What it ran on and with, which no option says. */
    Path environment() {
        return path.resolve("environment.json");
    }

    Path metrics() {
        return path.resolve(MetricsLog.NAME);
    }

    Path gradients() {
        return path.resolve("gradients.jsonl");
    }

    Path log() {
        return path.resolve("log.txt");
    }

    Path checkpoints() {
        return path.resolve("checkpoints");
    }

    Path model() {
        return path.resolve("model.safetensors");
    }

    Path trajectory() {
        return path.resolve(TRAJECTORY);
    }

    /** Where pictures of the loss around its model are looked for. */
    Path landscape() {
        return path.resolve("landscape");
    }

    /**
     * @throws IOException if there is no run in it; says what to do
     */
    static RunFolder existing(Path path) throws IOException {
        RunFolder run = new RunFolder(path);
        if (!Files.isDirectory(path)) {
            throw new IOException(path + " is no folder; name one that 'talweg train' wrote, below runs or by --out");
        }
        if (!Files.isRegularFile(run.config())) {
            throw new IOException(path + " holds no " + CONFIG + "; name a folder that 'talweg train' wrote");
        }
        return run;
    }

    /** The run's model, which the caller closes; of a run that did not come to its end, the best so far. */
    Model load(Device device) throws IOException {
        Path best = checkpoints().resolve(Checkpoints.BEST);
        return Model.load(Files.exists(model()) || !Files.exists(best) ? model() : best, device);
    }

    /**
     * Keeps other processes out until it is closed, and removes what a killed one was writing.
     *
     * @throws IOException if another process is in it
     */
    RunLock lock() throws IOException {
        RunLock lock = RunLock.of(path);
        try (DirectoryStream<Path> left = Files.newDirectoryStream(path, "*" + WholeFile.TEMPORARY)) {
            for (Path file : left) {
                Files.deleteIfExists(file);
            }
            return lock;
        } catch (IOException | RuntimeException e) {
            lock.close();
            throw e;
        }
    }

    /** What an earlier run in this folder left: what this one may not come to write, and what it must not go on with. */
    void clear() throws IOException {
        if (Files.isDirectory(checkpoints())) {
            try (DirectoryStream<Path> old = Files.newDirectoryStream(checkpoints(), "*.safetensors")) {
                for (Path file : old) {
                    Files.deleteIfExists(file);
                }
            }
        }
        for (String picture : RunReport.PICTURES.keySet()) {
            Files.deleteIfExists(landscape().resolve(picture));
        }
        for (Path file : List.of(model(), trajectory(), environment(), gradients(), path.resolve(ResultFile.NAME),
            path.resolve(RunReport.NAME))) {
            Files.deleteIfExists(file);
        }
    }

    /** Adds a session to {@link #environment}: the first is the run's beginning, others go on with it. */
    void writeEnvironment(Devices.Choice choice, Experiment experiment, List<String> arguments) throws IOException {
        Device device = choice.device();
        ObjectNode session = JSON.createObjectNode()
            .put("started", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString())
            .put("device", device.name())
            .put("description", device.description())
            .put("reason", choice.reason())
            .put("talweg", Main.version())
            .put("java", System.getProperty("java.vm.name") + " " + System.getProperty("java.runtime.version"))
            .put("os", System.getProperty("os.name") + " " + System.getProperty("os.version") + ", "
                + System.getProperty("os.arch"))
            .put("processors", Runtime.getRuntime().availableProcessors())
            .put("seed", experiment.seed())
            .put("data", experiment.data().toString())
            .put("data_sha256", Fingerprint.of(experiment.data()));
        arguments.forEach(session.putArray("arguments")::add);
        ObjectNode root = JSON.createObjectNode();
        root.putArray("sessions").addAll(readableSessions()).add(session);
        WholeFile.write(environment(), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
    }

    /** What it ran on last. */
    String device() {
        List<JsonNode> sessions = readableSessions();
        return sessions.isEmpty() ? "unknown" : sessions.get(sessions.size() - 1).path("device").asText("unknown");
    }

    /** What it was begun and gone on with; none if the file is not there. */
    List<JsonNode> sessions() throws IOException {
        if (!Files.exists(environment())) {
            return List.of();
        }
        JsonNode sessions = JSON.readTree(environment().toFile()).path("sessions");
        return StreamSupport.stream(sessions.spliterator(), false).toList();
    }

    /** None if the file is damaged: it is for people, and no run depends on it. */
    private List<JsonNode> readableSessions() {
        try {
            return sessions();
        } catch (IOException e) {
            return List.of();
        }
    }
}
