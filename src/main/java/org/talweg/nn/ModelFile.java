package org.talweg.nn;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.talweg.data.Safetensors;
import org.talweg.data.Scaler;
import org.talweg.ops.Device;
import org.talweg.ops.Precision;
import org.talweg.tape.Parameter;
import org.talweg.tape.Tape;
import org.talweg.tensor.Shape;

/** A model as a safetensors file, its layers described in the metadata under {@value #KEY}. */
final class ModelFile {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String KEY = "talweg.model";
    private static final String FORMAT = "talweg-model/1";

    private ModelFile() {
    }

    static void save(Model model, Path path) throws IOException {
        Map<String, Safetensors.Values> tensors = new LinkedHashMap<>();
        for (Parameter parameter : model.tensors()) {
            tensors.put(parameter.name(),
                new Safetensors.Values(parameter.shape(), model.parameterValues(parameter.name())));
        }
        Safetensors.write(path, new Safetensors.Content(Map.of(KEY, describe(model)), tensors));
    }

    static Model load(Path path, Device device) throws IOException {
        Safetensors.Content content = Safetensors.read(path);
        String description = content.metadata().get(KEY);
        if (description == null) {
            throw new IOException(path + " holds tensors but no model: its metadata has no '" + KEY + "', only "
                + content.metadata().keySet());
        }
        Sequential layers;
        Scaler scaler;
        Columns columns;
        Tape tape;
        try {
            JsonNode root = JSON.readTree(description);
            scaler = scaler(root.path("scaler"));
            columns = columns(root.path("columns"));
            layers = parse(root);
            tape = layers.tape();
        } catch (IllegalArgumentException | ArithmeticException | JsonProcessingException e) {
            throw new IOException(path + " describes a model that cannot be built: " + e.getMessage(), e);
        }
        // Before anything is allocated: the description may claim a size that the file has not.
        check(path, Stream.concat(tape.parameters().stream(), tape.states().stream()).toList(), content.tensors());
        Model model = new Model(device, layers);
        try {
            fill(model, path, content.tensors());
            model.setScaler(scaler);
            model.setColumns(columns);
            return model;
        } catch (IllegalArgumentException e) {
            model.close();
            throw new IOException(path + ": " + e.getMessage(), e);
        } catch (IOException | RuntimeException e) {
            model.close();
            throw e;
        }
    }

    static void fill(Model model, Path path, Map<String, Safetensors.Values> tensors) throws IOException {
        check(path, model.tensors(), tensors);
        model.tensors().forEach(parameter -> model.setParameter(parameter.name(), tensors.get(parameter.name()).data()));
    }

    private static void check(Path path, List<Parameter> parameters, Map<String, Safetensors.Values> tensors)
        throws IOException {
        List<String> names = parameters.stream().map(Parameter::name).toList();
        if (!tensors.keySet().equals(Set.copyOf(names))) {
            throw new IOException(path + " holds the tensors " + tensors.keySet() + ", but its model has " + names);
        }
        for (Parameter parameter : parameters) {
            Shape shape = tensors.get(parameter.name()).shape();
            if (!shape.equals(parameter.shape())) {
                throw new IOException(path + ": tensor " + parameter.name() + " has shape " + shape + ", expected "
                    + parameter.shape());
            }
        }
    }

    private static String describe(Model model) throws JsonProcessingException {
        ObjectNode root = JSON.createObjectNode().put("format", FORMAT);
        IntStream.of(model.inputShape().toArray()).forEach(root.putArray("input")::add);
        root.put("seed", model.description().seed());
        root.put("precision", model.description().precision().name().toLowerCase(Locale.ROOT));
        ArrayNode layers = root.putArray("layers");
        for (Layer layer : model.description().layers()) {
            layers.add(JSON.valueToTree(Layers.describe(layer)));
        }
        model.scaler().ifPresent(scaler -> {
            ObjectNode node = root.putObject("scaler").put("name", scaler.name());
            DoubleStream.of(scaler.shift()).forEach(node.putArray("shift")::add);
            DoubleStream.of(scaler.divisor()).forEach(node.putArray("divisor")::add);
            scaler.fill().ifPresent(fill -> DoubleStream.of(fill).forEach(node.putArray("fill")::add));
        });
        model.columns().ifPresent(columns -> {
            ObjectNode node = root.putObject("columns");
            columns.features().forEach(node.putArray("features")::add);
            columns.targets().forEach(node.putArray("targets")::add);
            columns.classes().forEach(node.putArray("classes")::add);
            ObjectNode categories = node.putObject("categories");
            columns.categories().forEach((column, words) -> words.forEach(categories.putArray(column)::add));
        });
        return JSON.writeValueAsString(root);
    }

    private static Sequential parse(JsonNode root) {
        if (!root.path("format").asText().equals(FORMAT)) {
            throw new IllegalArgumentException("its format is '" + root.path("format").asText() + "', this "
                + "version reads '" + FORMAT + "'");
        }
        JsonNode shape = root.path("input");
        int[] input = IntStream.range(0, shape.size()).map(i -> shape.get(i).asInt()).toArray();
        List<Layer> layers = new ArrayList<>();
        for (JsonNode layer : root.path("layers")) {
            Map<String, Object> described = JSON.convertValue(layer, new TypeReference<>() { });
            layers.add(Layers.of(described));
        }
        Precision precision = Precision.valueOf(root.path("precision").asText("float32").toUpperCase(Locale.ROOT));
        return new Sequential(Shape.of(input), root.path("seed").asLong(), precision, layers);
    }

    private static Scaler scaler(JsonNode node) {
        return node.isMissingNode() ? null
            : Scaler.of(node.path("name").asText(), numbers(node.path("shift")), numbers(node.path("divisor")),
            node.has("fill") ? numbers(node.path("fill")) : null);
    }

    private static Columns columns(JsonNode node) {
        if (node.isMissingNode()) {
            return null;
        }
        Map<String, List<String>> categories = new LinkedHashMap<>();
        node.path("categories").properties().forEach(entry -> categories.put(entry.getKey(), texts(entry.getValue())));
        return new Columns(texts(node.path("features")), texts(node.path("targets")), texts(node.path("classes")), categories);
    }

    private static List<String> texts(JsonNode list) {
        return IntStream.range(0, list.size()).mapToObj(i -> list.get(i).asText()).toList();
    }

    private static double[] numbers(JsonNode list) {
        return IntStream.range(0, list.size()).mapToDouble(i -> list.get(i).asDouble(Double.NaN)).toArray();
    }
}
