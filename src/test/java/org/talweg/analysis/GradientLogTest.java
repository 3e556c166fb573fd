package org.talweg.analysis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.analysis.GradientHealth.Condition;
import org.talweg.analysis.GradientLog.Look;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;
import org.talweg.train.Checkpoint;
import org.talweg.train.Listener;
import org.talweg.train.RunState;
import org.talweg.train.Trainer;

/** What is written while a model trains reads back, and training goes on as without it. */
class GradientLogTest {
    @TempDir
    private Path folder;

    private final Dataset data = Scaler.minMax().fit(Datasets.builtIn("iris")).apply(Datasets.builtIn("iris"));

    /** The parameters in the end. */
    private float[] train(int epochs, Listener... listeners) {
        try (Device device = Devices.open("cpu"); Model model = model(device)) {
            trainer(model, listeners).fit(DataLoader.of(data, 32).shuffled(1), epochs);
            return model.parameterValues("dense_1.weight");
        }
    }

    private Model model(Device device) {
        return Sequential.builder(data.inputShape()).seed(3).dense(8, Activation.SIGMOID).dense(8, Activation.SIGMOID)
            .dense(3).build(device);
    }

    private static Trainer trainer(Model model, Listener... listeners) {
        return Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam()).listeners(listeners)
            .build();
    }

    @Test
    void looksAreSpreadOverTheRunAndReadBack() throws IOException {
        Path file = folder.resolve("gradients.jsonl");
        Files.writeString(file, "of another run\n");
        float[] watched = train(45, new GradientLog(file, data));
        assertArrayEquals(train(45), watched);
        List<Look> looks = GradientLog.read(file);
        assertEquals(List.of(0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45), looks.stream().map(Look::epoch).toList());
        GradientHealth last = looks.get(15).health();
        assertEquals(List.of("dense_1", "dense_2", "dense_3"), last.layers().stream().map(GradientHealth.Layer::name).toList());
        assertTrue(Double.isNaN(looks.get(0).health().layers().get(0).updateRatio()), "nothing has moved yet");
        assertTrue(last.layers().get(0).updateRatio() > 0 && last.gradientNorm() > 0);
        assertTrue(last.loss() < looks.get(0).health().loss());
    }

    /** A run that goes on from a checkpoint has the looks of one that ran through. */
    @Test
    void aRunThatGoesOnHasAllLooks() throws IOException {
        Path whole = folder.resolve("whole.jsonl");
        Path broken = folder.resolve("broken.jsonl");
        Path checkpoint = folder.resolve("checkpoint");
        DataLoader rows = DataLoader.of(data, 32).shuffled(1);
        try (Device device = Devices.open("cpu")) {
            try (Model model = model(device)) {
                trainer(model, new GradientLog(whole, data)).fit(rows, 45);
            }
            // 5 steps an epoch: saved in the middle of epoch 8, lost in epoch 11, after a look that comes again.
            Listener crash = new Listener() {
                @Override
                public int stepsUntilReport() {
                    return 1;
                }

                @Override
                public void onState(RunState run) {
                    try {
                        if (run.steps() == 37) {
                            run.save(checkpoint);
                        }
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                    if (run.steps() == 52) {
                        throw new IllegalStateException("crash");
                    }
                }
            };
            try (Model model = model(device)) {
                Trainer first = trainer(model, new GradientLog(broken, data), crash);
                assertThrows(IllegalStateException.class, () -> first.fit(rows, 45));
            }
            assertEquals(4, GradientLog.read(broken).size());
            try (Model model = model(device)) {
                trainer(model, new GradientLog(broken, data)).resume(Checkpoint.read(checkpoint), rows, null, 45);
            }
        }
        List<Look> looks = GradientLog.read(broken);
        List<Look> expected = GradientLog.read(whole);
        assertEquals(expected.subList(0, 3), looks.subList(0, 3));
        assertEquals(expected.get(3).health().gradientNorm(), looks.get(3).health().gradientNorm());
        assertTrue(Double.isNaN(looks.get(3).health().layers().get(0).updateRatio()));
        assertEquals(expected.subList(4, 16), looks.subList(4, 16));
    }

    @Test
    void whatIsNotFiniteAndWhatWasFoundReadBack() throws IOException {
        Path file = folder.resolve("gradients.jsonl");
        float[] values = data.features().clone();
        values[0] = Float.NaN;
        Dataset broken = Dataset.classification("broken", data.featureNames(), values, "y", data.labels(), data.classNames());
        train(1, new GradientLog(file, broken));
        GradientHealth health = GradientLog.read(file).get(0).health();
        assertTrue(Double.isNaN(health.loss()));
        assertTrue(health.has(Condition.EXPLODING), health.verdict());
    }

    @Test
    void aLineThatWasCutOffIsLeftOutAndADamagedOneIsNamed() throws IOException {
        Path file = folder.resolve("gradients.jsonl");
        train(2, new GradientLog(file, data));
        String text = Files.readString(file);
        Files.writeString(file, text.substring(0, text.length() - 20));
        assertEquals(2, GradientLog.read(file).size());
        Files.writeString(file, "{\"epoch\":1}\n" + text);
        IOException e = assertThrows(IOException.class, () -> GradientLog.read(file));
        assertTrue(e.getMessage().contains("line 1 is damaged"), e.getMessage());
    }
}
