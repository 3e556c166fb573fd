package org.talweg.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.IDENTITY;
import static org.talweg.ops.Activation.RELU;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.Precision;
import org.talweg.tensor.Shape;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** What each layer predicts, by hand; and every layer through a file. */
class LayersTest {
    private static final float[][] ROWS = {{1, -2, 3}, {0.5f, 0, -1}};
    @TempDir
    Path directory;

    private static Model model(Device device, Layer... layers) {
        return new Sequential(Shape.of(3), 7, Precision.FLOAT32, List.of(layers)).build(device);
    }

    private static void expect(float[][] expected, float[][] actual, String label) {
        for (int i = 0; i < expected.length; i++) {
            assertArrayEquals(expected[i], actual[i], 1e-5f, label + ", row " + i);
        }
    }

    @OnEveryDevice
    void dropoutPredictsTheIdentity(TestDevice on) {
        try (Model model = model(on.device(), new Dropout(0.9f))) {
            assertArrayEquals(ROWS, model.predict(ROWS), on.toString());
        }
        Case c = Golden.cases("layers.json").stream().filter(k -> k.name().equals("dropout_eval")).findFirst()
            .orElseThrow();
        int columns = c.shape("x")[1];
        try (Model model = Sequential.builder(Shape.of(columns)).dropout(c.number("p", 0)).build(on.device())) {
            Golden.expectClose(on + ", " + c, c.expected("out"), model.predict(c.floats("x"), c.shape("x")[0]));
        }
    }

    @OnEveryDevice
    void softmaxPredictsProbabilities(TestDevice on) {
        double[] e = {Math.exp(1), Math.exp(-2), Math.exp(3)};
        double sum = e[0] + e[1] + e[2];
        try (Model model = model(on.device(), new Softmax(false)); Model log = model(on.device(), new Softmax(true))) {
            float[] p = model.predict(ROWS)[0];
            float[] q = log.predict(ROWS)[0];
            for (int j = 0; j < 3; j++) {
                assertEquals(e[j] / sum, p[j], 1e-6, on.toString());
                assertEquals(Math.log(e[j] / sum), q[j], 1e-5, on.toString());
            }
        }
    }

    @OnEveryDevice
    void layerAndRmsNormScaleTheirRows(TestDevice on) {
        try (Model model = model(on.device(), new LayerNorm(0, true))) {
            model.setParameter("layer_norm_1.weight", 1, 2, 3);
            model.setParameter("layer_norm_1.bias", 0, 1, -1);
            double deviation = Math.sqrt(((1 - 2 / 3.0) * (1 - 2 / 3.0) + (2 + 2 / 3.0) * (2 + 2 / 3.0)
                + (3 - 2 / 3.0) * (3 - 2 / 3.0)) / 3);
            expect(new float[][] {{(float) ((1 - 2 / 3.0) / deviation), (float) (2 * (-2 - 2 / 3.0) / deviation + 1),
                (float) (3 * (3 - 2 / 3.0) / deviation - 1)}}, model.predict(ROWS), on.toString());
        }
        try (Model model = model(on.device(), new RmsNorm(0, true))) {
            model.setParameter("rms_norm_1.weight", 1, 2, 3);
            float rms = (float) Math.sqrt(14 / 3.0);
            expect(new float[][] {{1 / rms, -4 / rms, 9 / rms}}, model.predict(ROWS), on.toString());
        }
    }

    @OnEveryDevice
    void batchNormPredictsWithItsRunningStatistics(TestDevice on) {
        try (Model model = model(on.device(), new BatchNorm(0, 0.1f, true, false))) {
            assertEquals(List.of("batch_norm_1.weight", "batch_norm_1.bias"), model.parameterNames());
            assertEquals(List.of("batch_norm_1.running_mean", "batch_norm_1.running_variance"), model.stateNames());
            expect(ROWS, model.predict(ROWS), on + ": at first the identity");
            model.setParameter("batch_norm_1.running_mean", 1, 2, 3);
            model.setParameter("batch_norm_1.running_variance", 4, 16, 0.25f);
            model.setParameter("batch_norm_1.weight", 1, 8, 1);
            model.setParameter("batch_norm_1.bias", 0, 0, 5);
            expect(new float[][] {{0, -8, 5}, {-0.25f, -4, -3}}, model.predict(ROWS), on.toString());
        }
    }

    @OnEveryDevice
    void residualAddsItsBranch(TestDevice on) {
        try (Model model = Sequential.builder(Shape.of(3)).residual(b -> b.dense(2, RELU)
            .layer(new Dense(3, IDENTITY, false))).build(on.device())) {
            assertEquals(List.of("residual_1.dense_1.weight", "residual_1.dense_1.bias", "residual_1.dense_2.weight"),
                model.parameterNames());
            model.setParameter("residual_1.dense_1.weight", 1, 0, 0, 0, 1, 0);
            model.setParameter("residual_1.dense_1.bias", 1, 1);
            model.setParameter("residual_1.dense_2.weight", 1, 0, 0, 10, 10, 0);
            // Branches: relu(2, -1) and relu(1.5, 1).
            expect(new float[][] {{3, -2, 23}, {2, 10, 14}}, model.predict(ROWS), on.toString());
        }
    }

    private static Sequential everything() {
        Sequential.Builder builder = Sequential.builder(Shape.of(3)).seed(5).layerNorm().dense(6, Activation.elu(0.3f))
            .batchNorm().activation(Activation.softplus(2, 10)).dropout(0.25f)
            .residual(b -> b.rmsNorm().dense(6, Activation.SELU).residual(c -> c.layer(new BatchNorm(0.1f, 0.5f, false,
                true)).dropout(0.5f)))
            .layer(new LayerNorm(0.01f, false)).layer(new RmsNorm(0.1f, false)).dense(4).layer(new Softmax(true))
            .softmax();
        Activation.all().forEach(builder::activation);
        return builder.describe();
    }

    @Test
    void everyLayerSurvivesAFile() throws IOException {
        Path path = directory.resolve("model.safetensors");
        try (Device device = Devices.open("reference")) {
            float[][] predicted;
            Sequential description = everything();
            assertEquals(Layers.types().size(),
                description.layers().stream().map(Layer::type).distinct().count(), "a layer of each type");
            try (Model model = description.build(device)) {
                model.setParameter("batch_norm_1.running_mean", 1, 2, 3, 4, 5, 6);
                model.setParameter("residual_1.residual_1.batch_norm_1.running_variance", 6, 5, 4, 3, 2, 1);
                predicted = model.predict(ROWS);
                model.save(path);
                try (Model copy = model.copyTo(device)) {
                    assertArrayEquals(predicted, copy.predict(ROWS));
                }
            }
            try (Model model = Model.load(path, device)) {
                // Records of weight initialisers do not equal each other, so layers are compared by what they say.
                assertEquals(description.layers().stream().map(Layers::describe).toList(),
                    model.description().layers().stream().map(Layers::describe).toList());
                assertArrayEquals(predicted, model.predict(ROWS));
            }
            assertEquals(List.of(), device.liveAllocations());
        }
    }

    @Test
    void theSummaryCountsWhatIsInside() {
        try (Device device = Devices.open("reference"); Model model = Sequential.builder(Shape.of(3)).batchNorm()
            .residual(b -> b.dense(3, RELU)).build(device)) {
            List<String> lines = model.summary().lines().map(line -> line.strip().replaceAll(" +", " ")).toList();
            assertEquals("batch_norm_1 batch_norm [3] 6", lines.get(2));
            assertEquals("residual_1 residual [3] 12", lines.get(3));
        }
    }

    @Test
    void whatDoesNotFitIsSaid() {
        assertMessage("a residual block without layers", () -> Sequential.builder(Shape.of(3)).residual(b -> { }));
        assertMessage("a dropout rate of -0.1", () -> new Dropout(-0.1f));
        assertMessage("layer norm with epsilon -1.0", () -> new LayerNorm(-1, true));
        assertMessage("batch norm with momentum 1.1", () -> new BatchNorm(0, 1.1f, true, false));
        assertMessage("residual_1: the branch makes rows of [2] from rows of [3]", () -> {
            try (Device device = Devices.open("reference")) {
                model(device, new Residual(List.of(new Dense(2))));
            }
        });
        assertMessage("unknown layer type 'conv'; there are\n  dense: ", () -> Layers.of("conv", Map.of()));
        assertMessage("layer setting 'rate' is null, expected Number", () -> Layers.of("dropout", Map.of()));
        assertMessage("a layer is described by its type and its settings, not by 5",
            () -> Layers.of("residual", Map.of("layers", List.of(5))));
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
