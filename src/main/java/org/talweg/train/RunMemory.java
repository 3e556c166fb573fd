package org.talweg.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.data.DataLoader;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.StepState;
import org.talweg.optim.Optimizer;
import org.talweg.optim.SavedState;
import org.talweg.tape.Parameter;
import org.talweg.tensor.Tensor;

/** What a run depends on, to and from a {@link Checkpoint}: all but what follows from settings and finished epochs. */
final class RunMemory {
    private static final Logger LOG = LoggerFactory.getLogger(RunMemory.class);
    private static final String OPTIMIZER = "optimizer/";
    private static final String LISTENER = "listener/";

    private final Trainer trainer;
    private final DataLoader loader;
    private final StepState state;
    private final Optimizer.State optimizer;
    private final BestParameters best;
    private final Model model;
    private final Device device;
    private String data;

    /** @param best or null */
    RunMemory(Trainer trainer, DataLoader loader, StepState state, Optimizer.State optimizer, BestParameters best) {
        this.trainer = trainer;
        this.loader = loader;
        this.state = state;
        this.optimizer = optimizer;
        this.best = best;
        model = trainer.model();
        device = model.device();
    }

    /**
     * The model must be at the point where it trains.
     *
     * @param planned steps of the whole run
     * @param sums    of the epoch in progress, or null between two
     */
    void save(Path path, List<EpochMetrics> history, long steps, long planned, long nanoseconds, EpochSums sums,
              long epochNanoseconds) throws IOException {
        Map<String, float[]> vectors = new LinkedHashMap<>();
        vectors.put("parameters", download(model.parameters()));
        put(vectors, "states", model.states());
        if (best != null && best.copy() != null) {
            vectors.put("best/parameters", download(best.copy().parameters()));
            put(vectors, "best/states", best.copy().states());
        }
        ObjectNode root = JsonNodeFactory.instance.objectNode().put("model", layout()).put("data", data())
            .put("optimizer", trainer.optimizer().toString()).put("steps", steps)
            .put("planned_steps", planned).put("nanoseconds", nanoseconds);
        IntStream.of(state.save(device)).forEach(root.putArray("words")::add);
        put(vectors, root.putObject("numbers"), OPTIMIZER, optimizer.save());
        listeners().forEach((name, listener) -> {
            SavedState saved = listener.save();
            if (saved != null) {
                put(vectors, root.withObject("/listeners").putObject(name), LISTENER + name + "/", saved);
            }
        });
        if (sums != null) {
            root.set("epoch", sums.toJson().put("nanoseconds", epochNanoseconds));
        }
        ArrayNode epochs = root.putArray("history");
        history.forEach(metrics -> epochs.add(metrics.toJson()));
        Checkpoint.write(path, root, vectors);
    }

    /**
     * @throws IllegalArgumentException if model, optimizer or data are not those of the checkpoint
     */
    void restore(Checkpoint from) {
        JsonNode root = from.numbers();
        expect(from, "a model of " + layout(), "a model of " + root.path("model").asText());
        expect(from, "the training rows " + data(), "the training rows " + root.path("data").asText());
        if (!root.path("optimizer").asText().equals(trainer.optimizer().toString())) {
            LOG.warn("{} was made with {}; the run goes on with {}", from.path(), root.path("optimizer").asText(),
                trainer.optimizer());
        }
        try {
            upload(from, "parameters", model.parameters());
            upload(from, "states", model.states());
            if (best != null && best.copy() != null) {
                upload(from, "best/parameters", best.copy().parameters());
                upload(from, "best/states", best.copy().states());
            }
            JsonNode words = root.path("words");
            state.restore(device, IntStream.range(0, words.size()).map(i -> words.get(i).asInt()).toArray());
            optimizer.restore(saved(from, root.path("numbers"), OPTIMIZER));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(from.path() + ": " + e.getMessage(), e);
        }
    }

    /** Those that had something to save. */
    void restoreListeners(Checkpoint from) {
        JsonNode saved = from.numbers().path("listeners");
        listeners().forEach((name, listener) -> {
            if (saved.has(name)) {
                listener.restore(saved(from, saved.path(name), LISTENER + name + "/"));
            }
        });
    }

    static List<EpochMetrics> history(Checkpoint from) {
        return StreamSupport.stream(from.numbers().path("history").spliterator(), false).map(EpochMetrics::of).toList();
    }

    private static void expect(Checkpoint from, String here, String there) {
        if (!here.equals(there)) {
            throw new IllegalArgumentException(from.path() + " was made with " + there + "; here are " + here);
        }
    }

    private String layout() {
        StringBuilder text = new StringBuilder();
        for (Parameter tensor : model.tensors()) {
            text.append(text.length() == 0 ? "" : ", ").append(tensor.name()).append(' ').append(tensor.shape());
        }
        return text.toString();
    }

    private String data() {
        if (data == null) {
            data = Fingerprint.of(loader);
        }
        return data;
    }

    /** By class, and numbered where there are several of one. */
    private Map<String, Listener> listeners() {
        Map<String, Integer> counts = new HashMap<>();
        Map<String, Listener> named = new LinkedHashMap<>();
        for (Listener listener : trainer.listeners()) {
            String type = listener.getClass().getSimpleName();
            named.put(type + counts.merge(type, 1, Integer::sum), listener);
        }
        return named;
    }

    private static void put(Map<String, float[]> vectors, ObjectNode numbers, String prefix, SavedState saved) {
        saved.vectors().forEach((name, values) -> vectors.put(prefix + name, values));
        saved.numbers().forEach(numbers::put);
    }

    private static SavedState saved(Checkpoint from, JsonNode numbers, String prefix) {
        Map<String, float[]> vectors = new LinkedHashMap<>();
        from.vectors().forEach((name, values) -> {
            if (name.startsWith(prefix)) {
                vectors.put(name.substring(prefix.length()), values);
            }
        });
        Map<String, Double> map = new LinkedHashMap<>();
        numbers.properties().forEach(entry -> map.put(entry.getKey(), entry.getValue().asDouble(Double.NaN)));
        return new SavedState(vectors, map);
    }

    private void put(Map<String, float[]> vectors, String name, Tensor tensor) {
        if (tensor != null) {
            vectors.put(name, download(tensor));
        }
    }

    private float[] download(Tensor tensor) {
        float[] values = new float[Math.toIntExact(tensor.elements())];
        device.download(tensor, values);
        return values;
    }

    private void upload(Checkpoint from, String name, Tensor tensor) {
        if (tensor == null) {
            return;
        }
        float[] values = from.vectors().get(name);
        if (values == null || values.length != tensor.elements()) {
            throw new IllegalArgumentException("it has " + (values == null ? "no '" + name + "', only "
                + from.vectors().keySet() : values.length + " values of '" + name + "', expected " + tensor.elements()));
        }
        device.upload(values, tensor);
    }
}
