package org.talweg.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.GELU;
import static org.talweg.ops.Activation.RELU;
import static org.talweg.ops.Activation.SIGMOID;
import static org.talweg.ops.Activation.TANH;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.tape.Initializer;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Building, predicting, describing; initial values. */
class ModelTest {
    private final Device device = Devices.open("reference");

    @AfterEach
    void everythingIsFreed() {
        assertEquals(List.of(), device.liveAllocations());
        device.close();
    }

    @Test
    void predictsByHand() {
        try (Model model = Sequential.builder(Shape.of(2)).dense(2, RELU).dense(1).build(device)) {
            model.setParameter("dense_1.weight", 1, 2, 3, -4);
            model.setParameter("dense_1.bias", 0.5f, 1);
            model.setParameter("dense_2.weight", 10, 100);
            model.setParameter("dense_2.bias", -1);
            assertArrayEquals(new float[][] {{10 * 3.5f - 1}, {10 * 1.5f + 100 * 4 - 1}},
                model.predict(new float[][] {{1, 1}, {1, 0}}));
        }
    }

    /** More rows than are predicted at a time, and the same answer for each as alone. */
    @Test
    void predictsAnyNumberOfRows() {
        try (Model model = Sequential.builder(Shape.of(3)).seed(2).dense(4, TANH).activation(SIGMOID).dense(2)
            .build(device)) {
            int rows = 2500;
            float[] features = new float[rows * 3];
            for (int i = 0; i < features.length; i++) {
                features[i] = (i % 17) - 8;
            }
            float[] all = model.predict(features, rows);
            assertEquals(rows * 2, all.length);
            for (int row = 0; row < rows; row += 311) {
                float[] alone = model.predict(new float[] {features[row * 3], features[row * 3 + 1],
                    features[row * 3 + 2]}, 1);
                assertArrayEquals(alone, new float[] {all[row * 2], all[row * 2 + 1]});
            }
            assertEquals(0, model.predict(new float[0][]).length);
        }
    }

    @Test
    void summaryListsLayersShapesAndCounts() {
        try (Model model = Sequential.builder(Shape.of(64)).dense(128, RELU).activation(TANH).dense(10).build(device)) {
            List<String> lines = model.summary().lines().map(line -> line.strip().replaceAll(" +", " ")).toList();
            assertEquals(List.of("layer type output parameters", "input [64]", "dense_1 dense [128] 8,320",
                "activation_1 activation [128] 0", "dense_2 dense [10] 1,290",
                "9,610 parameters, 38,448 bytes on reference"), lines);
            assertEquals(List.of("dense_1.weight", "dense_1.bias", "dense_2.weight", "dense_2.bias"),
                model.parameterNames());
        }
    }

    @Test
    void aSeedDecidesTheParameters() {
        assertArrayEquals(weights(1, RELU), weights(1, RELU));
        assertNotEquals(weights(1, RELU)[0], weights(2, RELU)[0]);
    }

    @Test
    void reluAndGeluStartWithHeTheOthersWithGlorot() {
        double he = Math.sqrt(6.0 / 200);
        double glorot = Math.sqrt(6.0 / 300);
        assertRange(he, weights(1, RELU));
        assertRange(he, weights(1, GELU));
        assertRange(glorot, weights(1, TANH));
        assertRange(glorot, weights(1, Activation.IDENTITY));
    }

    private float[] weights(long seed, Activation activation) {
        try (Model model = Sequential.builder(Shape.of(200)).seed(seed).dense(100, activation).build(device)) {
            assertArrayEquals(new float[100], model.parameterValues("dense_1.bias"));
            return model.parameterValues("dense_1.weight");
        }
    }

    /** Uniform: of 20,000 draws the largest comes within 0.1 % of the limit and none beyond it. */
    private static void assertRange(double limit, float[] values) {
        double largest = 0;
        double sum = 0;
        for (float value : values) {
            largest = Math.max(largest, Math.abs(value));
            sum += value;
        }
        assertTrue(largest <= limit * 1.000001 && largest > limit * 0.999, largest + " of " + limit);
        assertEquals(0, sum / values.length, limit / 50);
    }

    @Test
    void normalInitializersHaveTheirDeviation() {
        assertEquals(Math.sqrt(2.0 / 200), deviation(Initializers.heNormal()), 1e-3);
        assertEquals(Math.sqrt(2.0 / 300), deviation(Initializers.glorotNormal()), 1e-3);
        assertEquals(Math.sqrt(6.0 / 200 / 3), deviation(Initializers.heUniform()), 1e-3);
        assertEquals(Math.sqrt(6.0 / 300 / 3), deviation(Initializers.glorotUniform()), 1e-3);
        assertEquals(0.25, deviation(Initializers.constant(0.25f)));
        assertEquals(0, deviation(Initializers.zeros()));
    }

    /** Root of the mean square of [100×200] weights. */
    private double deviation(Initializer initializer) {
        Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(100, 200), "weights");
        try {
            initializer.fill(device, tensor, 3, 1);
            float[] values = new float[20_000];
            device.download(tensor, values);
            double squares = 0;
            for (float value : values) {
                squares += (double) value * value;
            }
            return Math.sqrt(squares / values.length);
        } finally {
            tensor.buffer().close();
        }
    }

    @Test
    void whatDoesNotFitIsSaid() {
        assertMessage("a model without layers", () -> Sequential.builder(Shape.of(2)).build(device));
        assertMessage("a dense layer of 0 units", () -> Sequential.builder(Shape.of(2)).dense(0));
        assertMessage("dense_1: a dense layer takes rows of rank 1, not [8×8]",
            () -> Sequential.builder(Shape.of(8, 8)).dense(2).build(device));
        assertMessage("fan-in and fan-out are those of a weight matrix [outputs×inputs], not of [3]",
            () -> Sequential.builder(Shape.of(2)).layer(new Dense(3, RELU, true, Initializers.zeros(), Initializers.heNormal())).build(device));
        try (Model model = Sequential.builder(Shape.of(2)).dense(1).build(device)) {
            assertMessage("no parameter 'w'; there are dense_1.weight, dense_1.bias", () -> model.parameter("w"));
            assertMessage("3 values for parameter dense_1.weight of shape [1×2]",
                () -> model.setParameter("dense_1.weight", 1, 2, 3));
            assertMessage("row 1 has 3 values; the model takes [2]",
                () -> model.predict(new float[][] {{1, 2}, {1, 2, 3}}));
        }
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
