package org.talweg.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Golden values computed by libtorch, from the test resources or from {@code -Dtalweg.golden=DIRECTORY}. Their schema
 * and where each comes from: {@code src/test/resources/golden/README.md}.
 */
public final class Golden {
    /** libtorch's own float32 is within 5e-7 of its float64, relative to a tensor's largest entry; ten times that. */
    public static final double FLOAT32_TOLERANCE = 5e-6;

    private Golden() {
    }

    /**
     * One case; inputs that all cases of the file share are its own too.
     */
    public record Case(String name, String op, JsonNode params, JsonNode inputs, JsonNode expected) {

        public boolean hasInput(String input) {
            return inputs.has(input);
        }

        public boolean isFloat(String input) {
            return inputs.get(input).get("dtype").asText().equals("float");
        }

        public int[] shape(String input) {
            JsonNode shape = inputs.get(input).get("shape");
            int[] result = new int[shape.size()];
            for (int i = 0; i < result.length; i++) {
                result[i] = shape.get(i).asInt();
            }
            return result;
        }

        public float[] floats(String input) {
            double[] values = numbers(inputs.get(input).get("data"));
            float[] result = new float[values.length];
            for (int i = 0; i < values.length; i++) {
                result[i] = (float) values[i];
                assertEquals(values[i], result[i], name + ": input " + input + " must be exact in float32");
            }
            return result;
        }

        public int[] ints(String input) {
            JsonNode data = inputs.get(input).get("data");
            int[] result = new int[data.size()];
            for (int i = 0; i < result.length; i++) {
                result[i] = data.get(i).asInt();
            }
            return result;
        }

        /** A list among the parameters. */
        public int[] list(String param) {
            JsonNode list = params.get(param);
            int[] result = new int[list.size()];
            for (int i = 0; i < result.length; i++) {
                result[i] = list.get(i).asInt();
            }
            return result;
        }

        public float number(String param, double otherwise) {
            return params.has(param) ? (float) params.get(param).asDouble() : (float) otherwise;
        }

        public boolean has(String param) {
            return params.has(param);
        }

        public String text(String param) {
            return params.get(param).asText();
        }

        public boolean flag(String param) {
            return params.has(param) && params.get(param).asBoolean();
        }

        /** The float64 result, or a schedule's plain list. */
        public double[] expected(String result) {
            if (!expected.has(result)) {
                throw new IllegalArgumentException("golden case " + name + " has no result " + result);
            }
            JsonNode values = expected.get(result);
            return numbers(values.isArray() ? values : values.get("float64"));
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** All cases of {@code file}, in order. */
    public static List<Case> cases(String file) {
        try (InputStream in = open(file)) {
            JsonNode root = new ObjectMapper().readTree(in);
            assertEquals("gradient-descent-golden/1", root.get("schema").asText(), file);
            JsonNode shared = root.has("inputs_from") ? inputs(root.get("inputs_from").asText()) : root.get("inputs");
            List<Case> cases = new ArrayList<>();
            for (JsonNode node : root.get("cases")) {
                // Some name inputs of their own instead of giving them.
                JsonNode inputs = node.has("inputs") && node.get("inputs").isTextual() ? root.get("inputs")
                    : node.has("inputs") ? node.get("inputs") : shared;
                cases.add(new Case(node.get("name").asText(), node.get("op").asText(), node.get("params"), inputs,
                    node.get("expected")));
            }
            return cases;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static JsonNode inputs(String file) throws IOException {
        try (InputStream in = open(file)) {
            return new ObjectMapper().readTree(in).get("inputs");
        }
    }

    private static InputStream open(String file) throws IOException {
        String directory = System.getProperty("talweg.golden", "");
        if (!directory.isEmpty()) {
            return Files.newInputStream(Path.of(directory, file));
        }
        InputStream in = Golden.class.getResourceAsStream("/golden/" + file);
        if (in == null) {
            throw new FileNotFoundException("no golden file " + file + " in the test resources; give its directory"
                + " with -Dtalweg.golden=");
        }
        return in;
    }

    /** Each value within the tolerance of the largest; NaN and infinities must be the same. */
    public static void expectClose(String what, double[] expected, float[] actual) {
        expectClose(what, expected, actual, FLOAT32_TOLERANCE);
    }

    public static void expectClose(String what, double[] expected, float[] actual, double tolerance) {
        assertEquals(expected.length, actual.length, what + ": length");
        double largest = 0;
        for (double e : expected) {
            largest = Double.isFinite(e) ? Math.max(largest, Math.abs(e)) : largest;
        }
        for (int i = 0; i < expected.length; i++) {
            boolean close = Double.isFinite(expected[i]) && Float.isFinite(actual[i])
                ? Math.abs(expected[i] - actual[i]) <= tolerance * largest
                : Double.compare(expected[i], actual[i]) == 0;
            if (!close) {
                fail(String.format("%s[%d] is %s, libtorch says %s; the largest entry is %s", what, i, actual[i],
                    expected[i], largest));
            }
        }
    }

    public static double[] numbers(JsonNode data) {
        double[] result = new double[data.size()];
        for (int i = 0; i < result.length; i++) {
            JsonNode value = data.get(i);
            result[i] = value.isTextual() ? Double.parseDouble(value.asText()) : value.asDouble();
        }
        return result;
    }
}
