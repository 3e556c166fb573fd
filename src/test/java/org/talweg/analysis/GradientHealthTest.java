package org.talweg.analysis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.talweg.analysis.GradientHealth.Condition;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.nn.Dense;
import org.talweg.nn.Initializers;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;
import org.talweg.tape.Initializer;
import org.talweg.tensor.Shape;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;
import org.talweg.train.Trainer;

/** Sick networks are told from healthy ones, and how. */
class GradientHealthTest {

    private static Dataset digits() {
        Dataset data = Datasets.builtIn("digits").shuffle(1).split(0.1, 0.1).train();
        return Scaler.minMax().fit(data).apply(data);
    }

    private static Sequential.Builder deep(int layers, int units, Activation activation) {
        Sequential.Builder builder = Sequential.builder(Shape.of(64)).seed(5);
        for (int i = 1; i < layers; i++) {
            builder.dense(units, activation);
        }
        return builder;
    }

    private static GradientHealth look(Device device, Sequential model, double rate) {
        try (Model built = model.build(device)) {
            return GradientHealth.of(built, Losses.softmaxCrossEntropy(), digits(), rate);
        }
    }

    @OnEveryDevice
    void twentySigmoidLayersVanish(TestDevice on) {
        GradientHealth health = look(on.device(), deep(20, 16, Activation.SIGMOID).dense(10).describe(), Double.NaN);
        assertTrue(health.has(Condition.VANISHING), health.toString());
        assertFalse(health.has(Condition.EXPLODING), health.toString());
        assertEquals(20, health.layers().size());
        assertTrue(health.attenuation() < 1e-8, health.toString());
        assertTrue(health.verdict().contains("vanish") && health.verdict().contains("ReLU"), health.verdict());
    }

    @OnEveryDevice
    void aBadlyInitialisedLinearNetExplodes(TestDevice on) {
        Sequential.Builder builder = Sequential.builder(Shape.of(64)).seed(5);
        Initializer wide = Initializers.normal(0, 1);
        for (int i = 0; i < 12; i++) {
            builder.layer(new Dense(16, Activation.IDENTITY, true, wide, Initializers.zeros()));
        }
        GradientHealth health = look(on.device(), builder.dense(10).describe(), Double.NaN);
        assertTrue(health.has(Condition.EXPLODING), health.toString());
        assertTrue(health.attenuation() > 1e4, health.toString());
        assertTrue(health.verdict().contains("explode") && health.verdict().contains("clip"), health.verdict());
    }

    @OnEveryDevice
    void anUsualNetIsHealthy(TestDevice on) {
        for (Activation activation : List.of(Activation.RELU, Activation.TANH, Activation.GELU)) {
            GradientHealth health = look(on.device(), deep(4, 64, activation).dense(10).describe(), 0.01);
            assertTrue(health.isHealthy(), activation + "\n" + health);
            assertTrue(health.verdict().startsWith("healthy"), health.verdict());
            assertTrue(health.layers().get(0).updateRatio() > 0, health.toString());
        }
    }

    @Test
    void normsAreThoseOfTheObjective() {
        Dataset data = digits();
        try (Device device = Devices.open("reference"); Model model = deep(3, 8, Activation.TANH).dense(10).build(device);
             ModelObjective objective = ModelObjective.of(model, Losses.softmaxCrossEntropy(), data)) {
            GradientHealth health = GradientHealth.of(model, Losses.softmaxCrossEntropy(), data, 0.5);
            double[] gradient = objective.gradient(objective.start());
            assertEquals(Vectors.norm(gradient), health.gradientNorm(), 1e-6);
            assertEquals(objective.value(objective.start()), health.loss(), 1e-6);
            double[] first = Arrays.copyOf(gradient, 64 * 8);
            double[] weights = Arrays.copyOf(objective.start(), 64 * 8);
            assertEquals(0.5 * Vectors.norm(first) / Vectors.norm(weights), health.layers().get(0).updateRatio(), 1e-6);
            assertEquals(Vectors.norm(weights), health.layers().get(0).weightNorm(), 1e-5);
            // db is the column sum of dZ, so the last bias's gradient bounds the last signal from below.
            double[] bias = Arrays.copyOfRange(gradient, gradient.length - 10, gradient.length);
            assertTrue(health.layers().get(2).signal() * Math.sqrt(data.rows()) >= Vectors.norm(bias));
        }
    }

    @OnEveryDevice
    void deadAndSaturatedUnitsAreFound(TestDevice on) {
        try (Model model = Sequential.builder(Shape.of(64)).seed(5).dense(20, Activation.RELU)
            .dense(10, Activation.SIGMOID).dense(10, Activation.TANH).dense(10).build(on.device())) {
            float[] bias = new float[20];
            Arrays.fill(bias, 0, 15, -1000);
            model.setParameter("dense_1.bias", bias);
            bias = new float[10];
            Arrays.fill(bias, 0, 6, 50);
            model.setParameter("dense_2.bias", bias);
            Arrays.fill(bias, 0, 6, -50);
            model.setParameter("dense_3.bias", bias);
            GradientHealth health = GradientHealth.of(model, Losses.softmaxCrossEntropy(), digits());
            assertTrue(health.has(Condition.DEAD_UNITS), health.toString());
            assertTrue(health.layers().get(0).deadUnits() >= 15, health.toString());
            assertEquals(0, health.layers().get(0).saturation());
            assertTrue(health.layers().get(1).saturation() >= 0.6, health.toString());
            assertTrue(health.layers().get(2).saturation() >= 0.6, health.toString());
            assertEquals(0, health.layers().get(1).deadUnits());
            assertEquals(2, health.findings().stream().filter(f -> f.condition() == Condition.SATURATED).count());
            assertTrue(health.verdict().contains("dead") && health.verdict().contains("saturated"), health.verdict());
        }
    }

    @Test
    void valuesThatAreNotFiniteAndNoGradient() {
        try (Device device = Devices.open("cpu"); Model model = deep(2, 8, Activation.RELU).dense(10).build(device)) {
            float[] weights = model.parameterValues("dense_1.weight");
            weights[3] = Float.NaN;
            model.setParameter("dense_1.weight", weights);
            GradientHealth health = GradientHealth.of(model, Losses.softmaxCrossEntropy(), digits());
            assertTrue(health.has(Condition.EXPLODING) && health.verdict().contains("not finite"), health.toString());
        }
        Dataset fitted = Dataset.regression("zeros", List.of("x"), new float[] {1, 2}, List.of("y"), new float[2]);
        try (Device device = Devices.open("cpu");
             Model model = Sequential.builder(Shape.of(1)).dense(1).build(device)) {
            model.setParameter("dense_1.weight", 0);
            GradientHealth health = GradientHealth.of(model, Losses.squaredError(), fitted);
            assertTrue(health.has(Condition.NO_GRADIENT), health.toString());
        }
    }

    /** Training goes the same way, bit for bit, whether somebody looks or not. */
    @OnEveryDevice
    void lookingDisturbsNothing(TestDevice on) {
        Dataset data = digits();
        List<GradientHealth> seen = new ArrayList<>();
        float[][] trained = new float[2][];
        for (int round = 0; round < 2; round++) {
            try (Model model = deep(2, 16, Activation.RELU).dense(10).build(on.device())) {
                Trainer.Builder builder = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                    .optimizer(Optimizers.adam().learningRate(0.01f));
                if (round == 1) {
                    builder.listeners(new GradientMonitor(data, 5, seen::add));
                }
                builder.build().fit(DataLoader.of(data, 32).shuffled(1), 4);
                trained[round] = model.parameterValues("dense_1.weight");
            }
        }
        assertArrayEquals(trained[0], trained[1]);
        assertEquals(5, seen.size(), "at the start and every 5 of 24 steps");
        assertTrue(Double.isNaN(seen.get(0).layers().get(0).updateRatio()));
        double ratio = seen.get(1).layers().get(0).updateRatio();
        assertTrue(ratio > 1e-4 && ratio < 0.2, "Adam moves each weight by about its rate: " + ratio);
        assertTrue(seen.get(4).loss() < seen.get(0).loss());
    }
}
