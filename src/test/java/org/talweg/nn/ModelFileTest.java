package org.talweg.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.GELU;
import static org.talweg.ops.Activation.TANH;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Safetensors;
import org.talweg.data.Scaler;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.tensor.Shape;

/** Models as files: the same after reading, whole or not there, and refused with the reason when damaged. */
class ModelFileTest {
    private final Device device = Devices.open("reference");
    @TempDir
    Path directory;

    @AfterEach
    void everythingIsFreed() {
        assertEquals(List.of(), device.liveAllocations());
        device.close();
    }

    @Test
    void whatIsSavedIsRead() throws IOException {
        Path path = directory.resolve("model.safetensors");
        float[][] rows = {{1, -2, 3}, {0.5f, 0, -1}};
        float[][] predicted;
        try (Model model = Sequential.builder(Shape.of(3)).seed(9).dense(5, GELU).layer(new Dense(4, TANH, false))
            .activation(TANH).dense(2).build(device)) {
            model.save(path);
            model.save(path);
            predicted = model.predict(rows);
        }
        try (Model model = Model.load(path, device)) {
            assertArrayEquals(predicted, model.predict(rows));
            assertEquals(9, model.description().seed());
            assertEquals(List.of("dense_1.weight", "dense_1.bias", "dense_2.weight", "dense_3.weight", "dense_3.bias"),
                model.parameterNames());
        }
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(List.of(path), files.toList(), "no temporary file may stay");
        }
    }

    /** To the last bit: a scaler's numbers are doubles. */
    @Test
    void theScalerIsPartOfTheModel() throws IOException {
        Path path = directory.resolve("model.safetensors");
        Dataset iris = Datasets.builtIn("iris");
        Scaler scaler = Scaler.robust().fit(iris);
        float[] raw = iris.features();
        float[] expected;
        try (Model model = Sequential.builder(Shape.of(4)).seed(9).dense(3).build(device)) {
            expected = model.predict(scaler.apply(raw), iris.rows());
            model.setScaler(scaler);
            assertArrayEquals(expected, model.predict(raw, iris.rows()));
            model.save(path);
        }
        try (Model model = Model.load(path, device); Model copy = model.copyTo(device)) {
            assertArrayEquals(expected, model.predict(raw, iris.rows()));
            assertArrayEquals(expected, copy.predict(raw, iris.rows()));
            Scaler read = model.scaler().orElseThrow();
            assertEquals("robust", read.name());
            assertArrayEquals(scaler.shift(), read.shift());
            assertArrayEquals(scaler.divisor(), read.divisor());
            assertThrows(IllegalArgumentException.class, () -> model.setScaler(Scaler.of("x", new double[1],
                new double[] {1})));
            model.setScaler(null);
            assertTrue(model.scaler().isEmpty());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "{'name':'x','shift':[0],'divisor':[1]} | a scaler fitted to 1 features for a model that takes [2]",
        "{'name':'x','shift':[0,0],'divisor':[1,0]} | scaler x has shifts [0.0, 0.0] and divisors [1.0, 0.0]",
        "{'name':'x','shift':[0,'a'],'divisor':[1,1]} | scaler x has shifts [0.0, NaN]",
        "{'name':'x'} | scaler x has shifts []"})
    void aScalerThatDoesNotFitIsRefused(String scaler, String message) throws IOException {
        assertModelRefused("talweg.model", "{'format':'talweg-model/1','input':[2],'layers':[{'type':'dense',"
            + "'settings':{'units':1,'activation':'identity','bias':false}}],'scaler':" + scaler + "}", message);
    }

    @Test
    void namesOfFeaturesAndClassesArePartOfTheModel() throws IOException {
        Path path = directory.resolve("model.safetensors");
        Columns columns = new Columns(List.of("a", "b=\"x\""), List.of("kind"), List.of("yes", "nö"));
        try (Model model = Sequential.builder(Shape.of(2)).dense(2).build(device)) {
            model.setColumns(columns);
            model.save(path);
            assertThrows(IllegalArgumentException.class,
                () -> model.setColumns(new Columns(List.of("a"), List.of(), List.of())));
        }
        try (Model model = Model.load(path, device); Model copy = model.copyTo(device)) {
            assertEquals(columns, model.columns().orElseThrow());
            assertEquals(columns, copy.columns().orElseThrow());
        }
    }

    @Test
    void weightsOfAnotherFileComeByName() throws IOException {
        Path path = directory.resolve("weights.safetensors");
        Safetensors.Values bias = new Safetensors.Values(Shape.of(1), new float[] {7});
        Safetensors.Values weight = new Safetensors.Values(Shape.of(1, 2), new float[] {3, 4});
        try (Model model = Sequential.builder(Shape.of(2)).dense(1).build(device)) {
            Safetensors.write(path, new Safetensors.Content(Map.of(), Map.of("dense_1.bias", bias, "dense_1.weight", weight)));
            model.loadWeights(path);
            assertArrayEquals(new float[][] {{3 + 2 * 4 + 7}}, model.predict(new float[][] {{1, 2}}));
            Safetensors.write(path, new Safetensors.Content(Map.of(), Map.of("dense_1.bias", bias, "dense_1.weight",
                new Safetensors.Values(Shape.of(2, 1), new float[2]))));
            String message = assertThrows(IOException.class, () -> model.loadWeights(path)).getMessage();
            assertTrue(message.endsWith("tensor dense_1.weight has shape [2×1], expected [1×2]"), message);
            assertArrayEquals(new float[] {7}, model.parameterValues("dense_1.bias"));
        }
    }

    /** A description may claim what it likes: nothing is allocated for it. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "{'units':2000000000,'activation':'relu','bias':false} | expected [2000000000×2]",
        "{'units':2147483647,'activation':'relu','bias':true} | but its model has [dense_1.weight, dense_1.bias]"})
    void aForgedSizeIsRefused(String settings, String message) throws IOException {
        assertModelRefused("talweg.model", "{'format':'talweg-model/1','input':[2],'layers':[{'type':'dense','settings':"
            + settings + "}]}", message);
    }

    /** The layout that other readers of the format expect. */
    @Test
    void theFileIsSafetensors() throws IOException {
        Path path = directory.resolve("t.safetensors");
        Safetensors.write(path, new Safetensors.Content(Map.of("k", "v"),
            Map.of("a", new Safetensors.Values(Shape.of(2, 1), new float[] {1, -2}))));
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        int header = (int) bytes.getLong();
        assertEquals(0, header % 8);
        assertEquals("{\"__metadata__\":{\"k\":\"v\"},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}",
            new String(bytes.array(), 8, header, StandardCharsets.UTF_8).strip());
        assertEquals(1, bytes.getFloat(8 + header));
        assertEquals(-2, bytes.getFloat(12 + header));
        assertEquals(16 + header, bytes.capacity());
    }

    /**
     * By a second reader that follows the format's text alone: the header is a JSON object that begins with a brace, names
     * stand once, metadata are texts, and the tensors cover the values from the first byte to the last, each where a
     * float may lie.
     */
    @Test
    void anotherReaderFindsEveryTensor() throws IOException {
        Path path = directory.resolve("model.safetensors");
        try (Model model = Sequential.builder(Shape.of(3)).seed(9).dense(5, GELU).batchNorm()
            .residual(b -> b.layerNorm().dense(5)).dense(2).build(device)) {
            model.setColumns(new Columns(List.of("ä \"quoted\"", "b", "c"), List.of("y"), List.of()));
            model.save(path);
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
            int length = Math.toIntExact(bytes.getLong());
            String text = StandardCharsets.UTF_8.newDecoder().decode(bytes.slice(8, length)).toString();
            assertEquals('{', text.charAt(0));
            JsonNode header = new ObjectMapper().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION).readTree(text);
            header.get("__metadata__").forEach(value -> assertTrue(value.isTextual(), value.toString()));
            List<String> names = new ArrayList<>();
            long covered = 0;
            for (Map.Entry<String, JsonNode> entry : header.properties()) {
                if (entry.getKey().equals("__metadata__")) {
                    continue;
                }
                names.add(entry.getKey());
                JsonNode node = entry.getValue();
                assertEquals("F32", node.get("dtype").asText());
                int from = node.get("data_offsets").get(0).asInt();
                int to = node.get("data_offsets").get(1).asInt();
                assertEquals(covered, from, "no holes, no overlaps");
                assertEquals(0, (8 + length + from) % Float.BYTES, "alignment");
                int[] shape = StreamSupport.stream(node.get("shape").spliterator(), false).mapToInt(JsonNode::asInt).toArray();
                assertEquals(model.parameter(entry.getKey()).shape(), Shape.of(shape));
                float[] values = new float[(to - from) / Float.BYTES];
                bytes.slice(8 + length + from, to - from).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
                assertArrayEquals(model.parameterValues(entry.getKey()), values, entry.getKey());
                covered = to;
            }
            assertEquals(bytes.capacity(), 8 + length + covered);
            assertEquals(Stream.concat(model.parameterNames().stream(), model.stateNames().stream()).toList(), names);
        }
    }

    @Test
    void tensorsLongerThanAnyBufferSurvive() throws IOException {
        float[] values = new float[100_003];
        for (int i = 0; i < values.length; i++) {
            values[i] = i * 0.37f;
        }
        Path path = directory.resolve("long.safetensors");
        Safetensors.write(path, new Safetensors.Content(Map.of(),
            Map.of("x", new Safetensors.Values(Shape.of(values.length), values))));
        assertArrayEquals(values, Safetensors.read(path).tensors().get("x").data());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "[] | 0 | its header is not a JSON object",
        "{x | 0 | its header is not JSON",
        "{'a':{'dtype':'F16','shape':[2],'data_offsets':[0,4]}} | 4 | tensor 'a' is of type F16",
        "{'a':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}} | 8 | tensor 'a' has the shape [-2]",
        "{'a':{'dtype':'F32','shape':2,'data_offsets':[0,8]}} | 8 | tensor 'a' has the shape 2",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | 4 | tensor 'a' of shape [2] lies at [0,8] of 4",
        "{'a':{'dtype':'F32','shape':[3],'data_offsets':[0,8]}} | 8 | tensor 'a' of shape [3] lies at [0,8] of 8",
        "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}} | 12 | its tensors take 8 of 12 bytes"})
    void damagedFilesAreRefused(String header, int dataBytes, String message) throws IOException {
        byte[] text = header.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + text.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(text.length).put(text);
        assertRefused(bytes.array(), message);
    }

    @Test
    void truncatedFilesAreRefused() throws IOException {
        assertRefused(new byte[3], "it has 3 bytes, too few for a header");
        assertRefused(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(100).array(),
            "its header claims 100 bytes of a file of 8");
        assertRefused(ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putLong(-1).array(),
            "its header claims -1 bytes of a file of 16");
    }

    private void assertRefused(byte[] content, String message) throws IOException {
        Path path = Files.write(directory.resolve("bad.safetensors"), content);
        String actual = assertThrows(IOException.class, () -> Model.load(path, device)).getMessage();
        assertTrue(actual.startsWith(path + " is not a usable safetensors file: " + message), actual);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "other | {} | holds tensors but no model",
        "talweg.model | {] | describes a model that cannot be built",
        "talweg.model | {'format':'x'} | its format is 'x', this version reads 'talweg-model/1'"})
    void filesThatHoldNoModelAreRefused(String key, String description, String message) throws IOException {
        assertModelRefused(key, description, message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "2 | magic | {} | unknown layer type 'magic'",
        "2 | dense | {'units':'3'} | layer setting 'units' is 3, expected Integer",
        "2 | activation | {'activation':'swish'} | unknown activation 'swish'",
        "2 | dense | {'units':1,'activation':'relu','bias':true} | "
            + "holds the tensors [dense_1.weight], but its model has [dense_1.weight, dense_1.bias]",
        "3 | dense | {'units':1,'activation':'relu','bias':false} | "
            + "tensor dense_1.weight has shape [1×2], expected [1×3]"})
    void filesOfAnotherModelAreRefused(int inputs, String type, String settings, String message) throws IOException {
        assertModelRefused("talweg.model", "{'format':'talweg-model/1','input':[" + inputs + "],'layers':[{'type':'"
            + type + "','settings':" + settings + "}]}", message);
    }

    private void assertModelRefused(String key, String description, String message) throws IOException {
        Path path = directory.resolve("other.safetensors");
        Safetensors.write(path, new Safetensors.Content(Map.of(key, description.replace('\'', '"')),
            Map.of("dense_1.weight", new Safetensors.Values(Shape.of(1, 2), new float[2]))));
        String actual = assertThrows(IOException.class, () -> Model.load(path, device)).getMessage();
        assertTrue(actual.contains(message), actual);
    }

    /** A file that cannot be written leaves what was there before. */
    @Test
    void aFailedSaveLeavesTheOldFile() throws IOException {
        Path path = directory.resolve("model.safetensors");
        Files.createDirectory(path);
        Files.writeString(path.resolve("inside"), "kept");
        try (Model model = Sequential.builder(Shape.of(2)).dense(1).build(device)) {
            assertThrows(IOException.class, () -> model.save(path));
        }
        assertEquals("kept", Files.readString(path.resolve("inside")));
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(List.of(path), files.toList());
        }
    }
}
