package org.talweg.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;
import org.talweg.tensor.Shape;

/** What ONNX Runtime makes of an exported model, against what the model itself predicts. */
class OnnxTest {
    private static final int INPUTS = 5;
    private static final double TOLERANCE = 1e-5;

    @TempDir
    private Path folder;

    private static Arguments model(String name, Consumer<Sequential.Builder> layers) {
        return Arguments.of(name, layers);
    }

    /** Each activation alone, so that nothing hides it, and inside a dense layer; parameters other than the defaults too. */
    static Stream<Arguments> models() {
        List<Arguments> models = new ArrayList<>();
        List<Activation> activations = new ArrayList<>(Activation.all());
        activations.addAll(List.of(Activation.leakyRelu(0.3f), Activation.elu(0.5f), Activation.softplus(2, 0.5f),
            Activation.softplus(0.5f, 20)));
        for (Activation activation : activations) {
            models.add(model(activation + " alone", b -> b.activation(activation)));
            models.add(model("dense " + activation, b -> b.dense(7, activation).dense(3)));
        }
        models.add(model("dense without bias", b -> b.layer(new Dense(4, Activation.TANH, false))));
        models.add(model("softmax", b -> b.dense(4).softmax()));
        models.add(model("log-softmax", b -> b.dense(4).logSoftmax()));
        models.add(model("dropout", b -> b.dense(4).dropout(0.5f).dense(2)));
        models.add(model("only dropout", b -> b.dropout(0.5f)));
        for (boolean affine : new boolean[] {true, false}) {
            models.add(model("layer norm " + affine, b -> b.dense(6).layer(new LayerNorm(1e-3f, affine)).dense(2)));
            models.add(model("RMS norm " + affine, b -> b.dense(6).layer(new RmsNorm(1e-3f, affine)).dense(2)));
            models.add(model("batch norm " + affine,
                b -> b.dense(6).layer(new BatchNorm(1e-3f, 0.1f, affine, false)).dense(2)));
        }
        models.add(model("norm first", b -> b.layer(new LayerNorm(1e-5f, false)).dense(2)));
        models.add(model("residual", b -> b.dense(6, Activation.RELU).residual(in -> in.dense(9, Activation.GELU).batchNorm()
            .residual(deep -> deep.dense(9)).dense(6)).residual(in -> in.layerNorm()).dense(2)));
        return models.stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("models")
    void onnxRuntimeAgrees(String name, Consumer<Sequential.Builder> layers) throws IOException, OrtException {
        try (Device device = Devices.open("reference")) {
            Sequential.Builder builder = Sequential.builder(Shape.of(INPUTS)).seed(3);
            layers.accept(builder);
            try (Model model = builder.build(device)) {
                randomise(model);
                assertSamePredictions(model, rows(new Random(7), 19, 3));
                assertSamePredictions(model, rows(new Random(8), 1, 30));
            }
        }
    }

    /** So that no weight is the 1 or 0 that it starts with. */
    private static void randomise(Model model) {
        Random random = new Random(11);
        for (String name : Stream.concat(model.parameterNames().stream(), model.stateNames().stream()).toList()) {
            float[] values = model.parameterValues(name);
            for (int i = 0; i < values.length; i++) {
                values[i] += name.endsWith("variance") ? random.nextFloat() : 0.3f * (float) random.nextGaussian();
            }
            model.setParameter(name, values);
        }
    }

    private static float[][] rows(Random random, int count, double spread) {
        float[][] rows = new float[count][INPUTS];
        for (float[] row : rows) {
            for (int i = 0; i < INPUTS; i++) {
                row[i] = (float) (spread * random.nextGaussian());
            }
        }
        return rows;
    }

    private void assertSamePredictions(Model model, float[][] rows) throws IOException, OrtException {
        Path path = folder.resolve("model.onnx");
        model.exportOnnx(path);
        float[][] expected = model.predict(rows);
        float[][] actual = run(path, rows);
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < rows.length; i++) {
            assertEquals(expected[i].length, actual[i].length);
            for (int j = 0; j < expected[i].length; j++) {
                double magnitude = Math.max(1, Math.abs(expected[i][j]));
                assertEquals(expected[i][j], actual[i][j], TOLERANCE * magnitude, "row " + i + ", output " + j);
            }
        }
    }

    private static float[][] run(Path path, float[][] rows) throws OrtException {
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession session = environment.createSession(path.toString());
            OnnxTensor input = OnnxTensor.createTensor(environment, rows);
            OrtSession.Result result = session.run(Map.of("input", input))) {
            assertEquals(List.of("input"), List.copyOf(session.getInputNames()));
            assertEquals(List.of("output"), List.copyOf(session.getOutputNames()));
            return (float[][]) result.get(0).getValue();
        }
    }

    /** Raw features go in, missing ones too. */
    @Test
    void theScalerIsPartOfTheGraph() throws IOException, OrtException {
        try (Device device = Devices.open("reference");
            Model model = Sequential.builder(Shape.of(INPUTS)).seed(3).dense(4, Activation.TANH).dense(2).build(device)) {
            float[][] rows = rows(new Random(7), 9, 100);
            Dataset data = Datasets.classification(rows, new int[rows.length]);
            model.setScaler(Scaler.standard().fit(data));
            assertSamePredictions(model, rows);
            model.setScaler(Scaler.standard().filling(Scaler.Fill.MEAN).fit(data));
            rows[3][2] = Float.NaN;
            assertSamePredictions(model, rows);
        }
    }

    @Test
    void aLayerOfOnesOwnIsRefused() {
        record Own() implements Layer {
            @Override
            public String type() {
                return "own";
            }

            @Override
            public Map<String, Object> settings() {
                return Map.of();
            }

            @Override
            public Value forward(Tape tape, String name, Value input) {
                return tape.activation(input, Activation.TANH);
            }
        }
        try (Device device = Devices.open("reference");
            Model model = Sequential.builder(Shape.of(2)).layer(new Own()).build(device)) {
            String message = assertThrows(IllegalArgumentException.class,
                () -> model.exportOnnx(folder.resolve("x.onnx"))).getMessage();
            assertTrue(message.startsWith("layer own_1 of type own has no ONNX form; those that have are dense, "), message);
        }
    }
}
