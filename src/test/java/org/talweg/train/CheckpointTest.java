package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.data.DataLoader;
import org.talweg.data.Datasets;
import org.talweg.data.Split;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ReduceOnPlateau;
import org.talweg.optim.Schedule;
import org.talweg.optim.Schedules;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** Runs that break off and go on from a checkpoint end with the same bits as one that ran through. */
class CheckpointTest {
    private static final Split IRIS = Datasets.builtIn("iris").shuffle(3).split(0.7, 0.3);
    private static final DataLoader TRAIN = DataLoader.of(IRIS.train(), 16).shuffled(5);
    private static final DataLoader VALID = DataLoader.of(IRIS.validation(), 64);
    private static final int EPOCHS = 6;

    @TempDir
    private Path folder;

    /** Ends a run as a crash would: after so many calls, whichever they are. */
    private static final class Crash implements Listener {
        private int calls;

        Crash(int calls) {
            this.calls = calls;
        }

        private void call() {
            if (calls-- == 0) {
                throw new IllegalStateException("crash");
            }
        }

        @Override
        public void onSteps(List<StepMetrics> steps) {
            call();
        }

        @Override
        public void onEpochEnd(EpochMetrics metrics) {
            call();
        }

        @Override
        public void onState(RunState run) {
            call();
        }

        @Override
        public int stepsUntilReport() {
            return 1;
        }
    }

    /** What a run is to be compared by: all but times. */
    private record Outcome(TrainingResult result, float[] parameters, float[] states, List<String> metrics) {
        void assertSame(Outcome other, String what) {
            assertEquals(result.stopReason(), other.result.stopReason(), what);
            assertEquals(result.restoredEpoch(), other.result.restoredEpoch(), what);
            assertEquals(timeless(result), timeless(other.result), what);
            assertEquals(metrics, other.metrics, what);
            assertArrayEquals(bits(parameters), bits(other.parameters), what);
            assertArrayEquals(bits(states), bits(other.states), what);
        }

        private static int[] bits(float[] values) {
            int[] bits = new int[values.length];
            Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
            return bits;
        }

        private static List<EpochMetrics> timeless(TrainingResult result) {
            return result.history().stream().map(e -> new EpochMetrics(e.epoch(), e.loss(), e.accuracy(), e.valLoss(),
                e.valAccuracy(), e.gradientNorm(), e.learningRate(), e.steps(), e.skippedSteps(), 0, e.metrics())).toList();
        }
    }

    /** A run with everything that has a memory: dropout, batch norm, plateau, patience, best parameters. */
    private Outcome run(Device device, Optimizer optimizer, Schedule schedule, Path where, boolean resume, int epochs,
                        Listener... more) throws IOException {
        Path metrics = where.resolve("metrics.jsonl");
        List<Listener> listeners = new ArrayList<>(List.of(more));
        listeners.add(new MetricsLog(metrics));
        listeners.add(Checkpoints.in(where.resolve("checkpoints")).everySteps(3).keepBest("val_loss"));
        try (Model model = Sequential.builder(TRAIN.data().inputShape()).seed(1).dense(6).batchNorm()
            .activation(Activation.TANH).dropout(0.2f).dense(3).build(device)) {
            Trainer trainer = Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(optimizer)
                .schedule(schedule).clip(Clip.byGlobalNorm(5)).metrics(Metrics.f1(Average.MACRO)).restoreBest("val_loss")
                .stopWhen(Stop.noImprovement("val_loss", 4)).listeners(listeners.toArray(Listener[]::new)).build();
            Optional<Checkpoint> from = resume ? Checkpoint.latest(where.resolve("checkpoints")) : Optional.empty();
            TrainingResult result = from.isPresent() ? trainer.resume(from.get(), TRAIN, VALID, epochs)
                : trainer.fit(TRAIN, VALID, epochs);
            float[] parameters = new float[(int) model.parameters().elements()];
            device.download(model.parameters(), parameters);
            float[] states = new float[(int) model.states().elements()];
            device.download(model.states(), states);
            return new Outcome(result, parameters, states, Files.readAllLines(metrics).stream()
                .map(line -> line.replaceAll(",\"samples_per_second\":[^,}]*", "")).toList());
        }
    }

    private static ReduceOnPlateau plateau(Optimizer optimizer) {
        return Schedules.reduceOnPlateau(20 * optimizer.learningRate()).patience(0).factor(0.5);
    }

    @OnEveryDevice
    void aRunThatCrashesAtTwentyRandomMomentsEndsLikeOneThatRanThrough(TestDevice on) throws IOException {
        Random random = new Random(17);
        for (Optimizer optimizer : List.of(Optimizers.adam(), Optimizers.scheduleFree())) {
            String name = optimizer.getClass().getSimpleName();
            Outcome through = run(on.device(), optimizer, plateau(optimizer), folder.resolve(name + "-through"), false, EPOCHS);
            assertTrue(through.result.history().size() > 3, "too short a run to be broken off");
            Path broken = folder.resolve(name + "-broken");
            for (int crash = 0; crash < 20; crash++) {
                Crash listener = new Crash(random.nextInt(12));
                assertEquals("crash", assertThrows(IllegalStateException.class, () -> run(on.device(), optimizer,
                    plateau(optimizer), broken, true, EPOCHS, listener)).getMessage(), "crash " + crash);
                if (Checkpoint.latest(broken.resolve("checkpoints")).map(c -> c.epochs() > EPOCHS - 2).orElse(false)) {
                    deleteCheckpoints(broken);
                }
            }
            through.assertSame(run(on.device(), optimizer, plateau(optimizer), broken, true, EPOCHS), optimizer.toString());
            assertArrayEquals(Files.readAllBytes(folder.resolve(name + "-through/checkpoints/best.safetensors")),
                Files.readAllBytes(broken.resolve("checkpoints/best.safetensors")));
            through.assertSame(run(on.device(), optimizer, plateau(optimizer), broken, true, EPOCHS), "at its end already");
        }
    }

    /** So that twenty crashes find something to break. */
    private static void deleteCheckpoints(Path run) throws IOException {
        for (Path file : Checkpoint.files(run.resolve("checkpoints"))) {
            Files.delete(file);
        }
    }

    @OnEveryDevice
    void everyOptimizerGoesOnFromTheMiddleOfAnEpoch(TestDevice on) throws IOException {
        for (Optimizer optimizer : List.of(Optimizers.momentum(), Optimizers.adagrad(), Optimizers.rmsProp(),
            Optimizers.adadelta(), Optimizers.amsgrad(), Optimizers.nadam(), Optimizers.radam(), Optimizers.lion(),
            Optimizers.lamb(), Optimizers.prodigy(), Optimizers.muon())) {
            Path path = folder.resolve(optimizer.getClass().getSimpleName());
            Schedule schedule = Schedules.cosine(optimizer.learningRate());
            Outcome through = run(on.device(), optimizer, schedule, path.resolve("through"), false, 2);
            assertThrows(IllegalStateException.class,
                () -> run(on.device(), optimizer, schedule, path.resolve("broken"), false, 2, new Crash(8)));
            assertEquals(3, Checkpoint.latest(path.resolve("broken/checkpoints")).orElseThrow().steps());
            through.assertSame(run(on.device(), optimizer, schedule, path.resolve("broken"), true, 2), optimizer.toString());
        }
    }

    @OnEveryDevice
    void aFinishedRunGoesOnForMoreEpochs(TestDevice on) throws IOException {
        Schedule schedule = Schedules.constant(0.01);
        Outcome through = run(on.device(), Optimizers.adam(), schedule, folder.resolve("through"), false, 4);
        Outcome half = run(on.device(), Optimizers.adam(), schedule, folder.resolve("longer"), false, 2);
        assertEquals("all 2 epochs done", half.result.stopReason());
        through.assertSame(run(on.device(), Optimizers.adam(), schedule, folder.resolve("longer"), true, 4), "longer");
    }

    /** The epoch is finished and validated when the run goes on, in whichever step it was interrupted. */
    @Test
    void anInterruptedRunGoesOn() throws IOException {
        Device device = Devices.open("cpu");
        Outcome through = run(device, Optimizers.adam(), plateau(Optimizers.adam()), folder.resolve("through"), false, 3);
        for (int stop = 1; stop <= 2 * TRAIN.batches(); stop++) {
            Path where = folder.resolve("interrupted-" + stop);
            int at = stop;
            Outcome interrupted = run(device, Optimizers.adam(), plateau(Optimizers.adam()), where, false, 3, new Listener() {
                private Trainer trainer;
                private int steps;

                @Override
                public void onTrainBegin(Trainer started, int epochs, int stepsPerEpoch) {
                    trainer = started;
                }

                @Override
                public int stepsUntilReport() {
                    return 1;
                }

                @Override
                public void onSteps(List<StepMetrics> taken) {
                    steps += taken.size();
                    if (steps == at) {
                        trainer.requestStop();
                    }
                }
            });
            assertTrue(interrupted.result.stopReason().startsWith("interrupted in epoch "), interrupted.result.stopReason());
            assertEquals(stop, Checkpoint.latest(where.resolve("checkpoints")).orElseThrow().steps());
            through.assertSame(run(device, Optimizers.adam(), plateau(Optimizers.adam()), where, true, 3), "step " + stop);
        }
        device.close();
    }

    @Test
    void aDamagedCheckpointIsPassedOver() throws IOException {
        try (Device device = Devices.open("cpu")) {
            Outcome through = run(device, Optimizers.adam(), Schedules.constant(0.01), folder, false, 2);
            List<Path> files = Checkpoint.files(folder.resolve("checkpoints"));
            assertEquals(2, files.size());
            byte[] last = Files.readAllBytes(files.get(0));
            for (byte[] damaged : List.of(new byte[0], Arrays.copyOf(last, last.length / 2), flip(last, 9),
                flip(last, last.length / 2), flip(last, last.length - 1))) {
                Files.write(files.get(0), damaged);
                assertThrows(IOException.class, () -> Checkpoint.read(files.get(0)));
                assertEquals(files.get(1), Checkpoint.latest(folder.resolve("checkpoints")).orElseThrow().path());
            }
            through.assertSame(run(device, Optimizers.adam(), Schedules.constant(0.01), folder, true, 2), "from before");
            Files.write(Checkpoint.files(folder.resolve("checkpoints")).get(0), new byte[3]);
            Files.write(Checkpoint.files(folder.resolve("checkpoints")).get(1), new byte[3]);
            String message = assertThrows(IOException.class, () -> Checkpoint.latest(folder.resolve("checkpoints")))
                .getMessage();
            assertTrue(message.contains("is whole: ") && message.contains("it has 3 bytes"), message);
        }
    }

    private static byte[] flip(byte[] bytes, int at) {
        byte[] damaged = bytes.clone();
        damaged[at] ^= 4;
        return damaged;
    }

    @Test
    void theCheckpointOfAnotherRunIsRefused() throws IOException {
        try (Device device = Devices.open("cpu")) {
            run(device, Optimizers.adam(), Schedules.constant(0.01), folder, false, 1);
            Checkpoint checkpoint = Checkpoint.latest(folder.resolve("checkpoints")).orElseThrow();
            assertRefused("no vector 'lion state 1', only [adam state 1, adam state 2]", checkpoint, device, 6, 16,
                Optimizers.lion());
            assertRefused("was made with a model of dense_1.weight [6×4]", checkpoint, device, 7, 16, Optimizers.adam());
            assertRefused(", batches of 16, shuffled by 5; here are the training rows ", checkpoint, device, 6, 17,
                Optimizers.adam());
        }
    }

    private static void assertRefused(String part, Checkpoint checkpoint, Device device, int units, int batch,
                                      Optimizer optimizer) {
        try (Model model = Sequential.builder(TRAIN.data().inputShape()).seed(1).dense(units).batchNorm()
            .activation(Activation.TANH).dropout(0.2f).dense(3).build(device)) {
            Trainer trainer = Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(optimizer).build();
            String message = assertThrows(IllegalArgumentException.class, () -> trainer.resume(checkpoint,
                DataLoader.of(IRIS.train(), batch).shuffled(5), VALID, 2)).getMessage();
            assertTrue(message.startsWith(checkpoint.path().toString()) && message.contains(part), message);
        }
    }

    @Test
    void checkpointsComeAsOftenAsAsked() throws IOException {
        try (Device device = Devices.open("cpu")) {
            assertEquals(List.of(7, 14, 21), savedAt(device, Checkpoints.in(folder.resolve("a")).keep(9), 3));
            assertEquals(List.of(14, 21), savedAt(device, Checkpoints.in(folder.resolve("b")).everyEpochs(2).keep(9), 3));
            assertEquals(List.of(5, 10, 14),
                savedAt(device, Checkpoints.in(folder.resolve("c")).everySteps(5).keep(9), 2));
            assertEquals(List.of(7), savedAt(device, Checkpoints.in(folder.resolve("d")).every(Duration.ofDays(1)), 1));
            assertEquals(List.of(14, 21), savedAt(device, Checkpoints.in(folder.resolve("a")), 3));
            assertThrows(IllegalArgumentException.class, () -> Checkpoints.in(folder).keep(1));
            assertThrows(IllegalArgumentException.class, () -> Checkpoints.in(folder).everySteps(0));
        }
        try (Stream<Path> files = Files.walk(folder)) {
            assertFalse(files.anyMatch(file -> file.toString().endsWith(".tmp")), "temporary files stay");
        }
    }

    private List<Integer> savedAt(Device device, Checkpoints checkpoints, int epochs) throws IOException {
        try (Model model = Sequential.builder(TRAIN.data().inputShape()).seed(1).dense(3).build(device)) {
            Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam()).listeners(checkpoints)
                .build().fit(TRAIN, VALID, epochs);
        }
        return Checkpoint.files(checkpoints.folder()).stream().map(file -> Integer.valueOf(file.getFileName().toString()
            .replaceAll("\\D", ""))).sorted().toList();
    }
}
