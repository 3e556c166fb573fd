package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.RELU;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Rows;
import org.talweg.data.Scaler;
import org.talweg.data.Task;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;
import org.talweg.tape.Loss;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.SoftwareDevice;
import org.talweg.testing.TestDevice;

/** Rows that pass through the device in windows give the same bits as rows that stay there. */
class RowStreamTest {
    private static final Dataset IRIS = Scaler.standard().fit(Datasets.builtIn("iris"))
        .apply(Datasets.builtIn("iris").shuffle(1));

    @TempDir
    Path directory;

    private record Outcome(float[] weights, List<EpochMetrics> history, Evaluation test) {
    }

    private static Outcome train(Device device, Dataset data, Loss loss, int outputs, int batch, long memory) {
        try (Model model = Sequential.builder(data.inputShape()).seed(3).dense(9, RELU).dropout(0.1f).dense(outputs)
            .build(device)) {
            Trainer trainer = Trainer.builder(model).loss(loss).optimizer(Optimizers.adam().learningRate(0.01f))
                .dataMemory(memory).build();
            TrainingResult result = trainer.fit(DataLoader.of(data, batch).shuffled(4), DataLoader.of(data, batch), 3);
            return new Outcome(model.parameterValues("dense_1.weight"), result.history(),
                trainer.evaluate(DataLoader.of(data, batch)));
        }
    }

    private static void expectSame(Outcome expected, Outcome actual) {
        assertArrayEquals(expected.weights, actual.weights);
        for (int i = 0; i < expected.history.size(); i++) {
            EpochMetrics one = expected.history.get(i);
            EpochMetrics other = actual.history.get(i);
            assertEquals(one.loss(), other.loss());
            assertEquals(one.gradientNorm(), other.gradientNorm());
            assertEquals(one.valLoss(), other.valLoss());
            assertEquals(one.valAccuracy(), other.valAccuracy());
        }
        assertEquals(expected.test, actual.test);
    }

    /** 150 rows of 16 bytes: in windows of one batch, of two or three, and of one that is almost all. */
    @OnEveryDevice
    void classesInWindows(TestDevice on) {
        for (int batch : new int[] {7, 16, 50}) {
            Outcome whole = train(on.device(), IRIS, Losses.softmaxCrossEntropy(), 3, batch, Long.MAX_VALUE);
            for (long memory : new long[] {1, 2 * 2 * 16 * batch, 2 * 3 * 16 * batch, 2399}) {
                expectSame(whole, train(on.device(), IRIS, Losses.softmaxCrossEntropy(), 3, batch, memory));
            }
        }
        Loss weighted = Losses.softmaxCrossEntropy().classWeights(1, 2, 0.5f);
        expectSame(train(on.device(), IRIS, weighted, 3, 16, Long.MAX_VALUE), train(on.device(), IRIS, weighted, 3, 16, 700));
        assertEquals(List.of(), on.device().liveAllocations());
    }

    @OnEveryDevice
    void numbersInWindows(TestDevice on) {
        Dataset diabetes = Datasets.builtIn("diabetes").shuffle(1);
        expectSame(train(on.device(), diabetes, Losses.squaredError(), 1, 32, Long.MAX_VALUE),
            train(on.device(), diabetes, Losses.squaredError(), 1, 32, 5000));
    }

    /** A device with room for a fraction of the file, which is mapped: neither heap nor device ever hold it whole. */
    @Test
    void aFileLargerThanTheDeviceTrainsTheSameThere() throws IOException {
        SoftwareDevice.require();
        Path path = directory.resolve("large.npy");
        int rows = 20_000;
        int columns = 41;
        writeTable(path, rows, columns);
        Dataset mapped = Datasets.npy(path).task(Task.CLASSIFICATION).load();
        Outcome whole = onSoftware(4L << 30, mapped);
        long small = 1 << 20;
        assertTrue(4L * rows * columns > 3 * small, "the file must not fit");
        expectSame(whole, onSoftware(small, mapped));
    }

    private static Outcome onSoftware(long memory, Dataset data) {
        long before = SoftwareDriver.memory();
        SoftwareDriver.memory(memory);
        try (Device device = Devices.open("software")) {
            return train(device, data, Losses.softmaxCrossEntropy(), 2, 500, Long.MAX_VALUE);
        } finally {
            SoftwareDriver.memory(before);
        }
    }

    private static void writeTable(Path path, int rows, int columns) throws IOException {
        byte[] header = ("{'descr': '<f4', 'fortran_order': False, 'shape': (" + rows + ", " + columns + "), }\n")
            .getBytes(StandardCharsets.US_ASCII);
        ByteBuffer bytes = ByteBuffer.allocate(10 + header.length + 4 * rows * columns).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII)).put((byte) 1).put((byte) 0)
            .putShort((short) header.length).put(header);
        SplittableRandom random = new SplittableRandom(1);
        for (int row = 0; row < rows; row++) {
            float sum = 0;
            for (int column = 1; column < columns; column++) {
                float value = random.nextInt(200) / 100f - 1;
                sum += value;
                bytes.putFloat(value);
            }
            bytes.putFloat(sum > 0 ? 1 : 0);
        }
        Files.write(path, bytes.array());
    }

    /** Broken off in the middle of an epoch, and of a window. */
    @OnEveryDevice
    void aRunGoesOnWithinAnEpoch(TestDevice on) throws IOException {
        DataLoader rows = DataLoader.of(IRIS, 16).shuffled(4);
        float[] through = resumable(on.device(), trainer -> trainer.fit(rows, 2), Long.MAX_VALUE);
        Path where = directory.resolve(on.toString());
        assertThrows(IllegalStateException.class, () -> resumable(on.device(), trainer -> trainer.fit(rows, 2), 2 * 2 * 256,
            Checkpoints.in(where).everySteps(3), new Listener() {
                @Override
                public void onState(RunState run) {
                    if (run.steps() >= 4) {
                        throw new IllegalStateException("crash");
                    }
                }

                @Override
                public int stepsUntilReport() {
                    return 1;
                }
            }));
        Checkpoint from = Checkpoint.latest(where).orElseThrow();
        assertEquals(3, from.steps());
        assertArrayEquals(through, resumable(on.device(), trainer -> trainer.resume(from, rows, null, 2), 2 * 2 * 256));
    }

    private static float[] resumable(Device device, Consumer<Trainer> use, long memory, Listener... listeners) {
        try (Model model = Sequential.builder(IRIS.inputShape()).seed(3).dense(9, RELU).dropout(0.1f).dense(3)
            .build(device)) {
            use.accept(Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam())
                .dataMemory(memory).listeners(listeners).build());
            return model.parameterValues("dense_1.weight");
        }
    }

    /** One graph launch a step, and no more launches than with all rows on the device. */
    @Test
    void aStepIsStillOneLaunch() {
        SoftwareDevice.require();
        try (Device device = Devices.open("software")) {
            SoftwareDriver.resetCounters();
            train(device, IRIS, Losses.softmaxCrossEntropy(), 3, 16, Long.MAX_VALUE);
            SoftwareDriver.Counters whole = SoftwareDriver.counters();
            SoftwareDriver.resetCounters();
            train(device, IRIS, Losses.softmaxCrossEntropy(), 3, 16, 700);
            SoftwareDriver.Counters streamed = SoftwareDriver.counters();
            assertEquals(30, streamed.graphLaunches(), "10 steps an epoch");
            assertEquals(whole.graphLaunches(), streamed.graphLaunches());
            assertEquals(whole.kernelLaunches(), streamed.kernelLaunches());
        }
    }

    /** A reader that fails in the gathering thread fails the run, and frees what it had. */
    @Test
    void whatCannotBeReadEndsTheRun() {
        try (Device device = Devices.open("cpu")) {
            Dataset broken = new Dataset("broken", IRIS.featureNames(), new Rows() {
                @Override
                public int count() {
                    return 150;
                }

                @Override
                public int columns() {
                    return 4;
                }

                @Override
                public void read(int row, float[] destination, int offset) {
                    if (row == 100) {
                        throw new InternalError("the disk is gone");
                    }
                }
            }, IRIS.targetNames(), IRIS.labels(), IRIS.classNames(), null);
            assertTrue(assertThrows(UncheckedIOException.class, () -> train(device, broken, Losses.softmaxCrossEntropy(), 3,
                16, 700)).getMessage().contains("the disk is gone"));
            assertEquals(List.of(), device.liveAllocations());
            assertThrows(IllegalArgumentException.class, () -> train(device, IRIS, Losses.softmaxCrossEntropy(), 3, 16, 0));
            try (Model model = Sequential.builder(IRIS.inputShape()).dense(3).build(device)) {
                Trainer trainer = Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.lbfgs())
                    .dataMemory(2000).build();
                assertTrue(assertThrows(IllegalArgumentException.class, () -> trainer.fit(DataLoader.of(IRIS, 150), 1))
                    .getMessage().contains("2400 bytes"));
            }
        }
    }
}
