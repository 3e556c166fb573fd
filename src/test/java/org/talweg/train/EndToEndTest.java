package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.RELU;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.data.DataLoader;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Fusion;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizers;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.SoftwareDevice;
import org.talweg.testing.TestDevice;

/** A network that learns digits, on each backend: the same bits every time, the same numbers everywhere. */
class EndToEndTest {
    private static final int BATCH = 32;

    private record Outcome(List<StepMetrics> steps, int[] weights, TrainingResult result, double testAccuracy) {
    }

    private static Outcome train(Device device, int epochs) {
        return train(device, epochs, Precision.FLOAT32, Fusion.AUTO);
    }

    private static Outcome train(Device device, int epochs, Precision precision, Fusion fusion) {
        Split all = Datasets.builtIn("digits").shuffle(42).split(0.7, 0.15);
        Scaler scaler = Scaler.minMax().fit(all.train());
        Split split = new Split(scaler.apply(all.train()), scaler.apply(all.validation()), scaler.apply(all.test()));
        List<StepMetrics> steps = new ArrayList<>();
        Listener collector = new Listener() {
            @Override
            public void onSteps(List<StepMetrics> chunk) {
                steps.addAll(chunk);
            }
        };
        try (Model model = Sequential.builder(split.train().inputShape()).seed(42).dense(32, RELU).dense(16, RELU)
            .precision(precision).dense(10).build(device)) {
            Trainer trainer = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.adam().learningRate(0.005f)).clip(Clip.byGlobalNorm(1)).listeners(collector)
                .fusion(fusion).build();
            TrainingResult result = trainer.fit(DataLoader.of(split.train(), BATCH).shuffled(42),
                DataLoader.of(split.validation(), 100), epochs);
            float[] weights = new float[(int) model.parameters().elements()];
            device.download(model.parameters(), weights);
            return new Outcome(steps, Sandbox.bits(weights), result,
                trainer.evaluate(DataLoader.of(split.test(), 100)).accuracy());
        }
    }

    @OnEveryDevice
    void theSameSeedGivesTheSameBitsTwice(TestDevice on) {
        Outcome first = train(on.device(), 1);
        Outcome second = train(on.device(), 1);
        assertArrayEquals(first.weights, second.weights, on + ": weights");
        assertEquals(first.steps, second.steps, on + ": losses, hits and norms of every step");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void theOrderOfBlocksAndWarpsDoesNotMatter(long seed) {
        TestDevice on = TestDevice.accelerator();
        Device device = on.device();
        Assumptions.assumeTrue(on.isSoftware(), "a real GPU orders blocks as it likes");
        Outcome inOrder = train(device, 1);
        SoftwareDriver.scheduleSeed(seed);
        try {
            Outcome shuffled = train(device, 1);
            assertArrayEquals(inOrder.weights, shuffled.weights, "weights under schedule " + seed);
            assertEquals(inOrder.steps, shuffled.steps, "steps under schedule " + seed);
        } finally {
            SoftwareDevice.restoreSettings();
        }
    }

    @OnEveryDevice
    void theFirstLossesAreThoseOfTheReference(TestDevice on) {
        List<StepMetrics> expected = train(TestDevice.oracle(), 1).steps;
        List<StepMetrics> actual = train(on.device(), 1).steps;
        assertEquals(40, actual.size());
        for (int i = 0; i < 20; i++) {
            assertEquals(expected.get(i).loss(), actual.get(i).loss(), 1e-5 * expected.get(i).loss(),
                on + ": loss of step " + i);
        }
    }

    @OnEveryDevice
    void everyBackendEndsAtTheSameAccuracy(TestDevice on) {
        Outcome cpu = train(TestDevice.named("cpu").device(), 8);
        Outcome other = train(on.device(), 8);
        assertTrue(cpu.testAccuracy > 0.95, "cpu: test accuracy " + cpu.testAccuracy);
        assertEquals(cpu.testAccuracy, other.testAccuracy, 0.005, on + ": test accuracy");
    }

    /** Parameters, gradients and sums stay float32, so the shorter operands of the products cost next to nothing. */
    @ParameterizedTest
    @CsvSource({"FLOAT32, OFF", "TF32, OFF", "TF32X3, OFF", "BF16, OFF", "FLOAT32, ON", "TF32, ON", "TF32X3, ON", "BF16, ON"})
    void everyPrecisionReachesTheSameAccuracy(Precision precision, Fusion fusion) {
        Outcome cpu = train(TestDevice.named("cpu").device(), 8);
        Outcome other = train(TestDevice.accelerator().device(), 8, precision, fusion);
        assertEquals(cpu.testAccuracy, other.testAccuracy, 0.01, precision + ": test accuracy");
        double loss = other.steps.get(0).loss();
        double exact = cpu.steps.get(0).loss();
        double allowed = precision == Precision.BF16 ? 1e-2 : precision == Precision.TF32 ? 1e-3 : 1e-5;
        assertEquals(exact, loss, allowed * exact, precision + ": first loss");
        if (precision == Precision.BF16 || precision == Precision.TF32) {
            assertNotEquals((float) exact, (float) loss, precision + " rounds nothing");
        }
    }

    /** The library, or its stand-in, sums in another order: the same numbers up to that, and the same bits twice. */
    @Test
    void productsByCublasTrainAsOurOwn() {
        Device device = TestDevice.accelerator().device();
        Outcome own = train(device, 1);
        long before = device.bytesAllocated();
        device.products(MatrixProducts.CUBLAS);
        try {
            Outcome first = train(device, 1);
            for (int i = 0; i < 20; i++) {
                assertEquals(own.steps.get(i).loss(), first.steps.get(i).loss(), 1e-5 * own.steps.get(i).loss(), "step " + i);
            }
            assertFalse(Arrays.equals(own.weights, first.weights), "the products are still our own");
            for (long seed = 0; seed < 3; seed++) {
                if (TestDevice.accelerator().isSoftware()) {
                    SoftwareDriver.scheduleSeed(seed);
                }
                assertArrayEquals(first.weights, train(device, 1).weights, "the same bits under schedule " + seed);
            }
            assertEquals(before, device.bytesAllocated());
        } finally {
            SoftwareDevice.restoreSettings();
            device.products(MatrixProducts.TALWEG);
        }
    }

    @OnEveryDevice
    void memoryIsPlannedOnceAndAllGivenBack(TestDevice on) {
        Device device = on.device();
        long before = device.bytesAllocated();
        List<Long> bytes = new ArrayList<>();
        Listener watcher = new Listener() {
            @Override
            public void onEpochEnd(EpochMetrics metrics) {
                bytes.add(device.bytesAllocated());
            }
        };
        Split split = Datasets.builtIn("iris").shuffle(1).split(0.8);
        try (Model model = Sequential.builder(split.train().inputShape()).dense(8, RELU).dense(3).build(device)) {
            Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam()).listeners(watcher)
                .build().fit(DataLoader.of(split.train(), 50), DataLoader.of(split.validation(), 7), 4);
        }
        assertEquals(before, device.bytesAllocated(), on + ": " + device.liveAllocations());
        assertEquals(1, bytes.stream().distinct().count(), on + ": bytes at the end of each epoch: " + bytes);
    }

    /** Between two readings of the log nothing but graph launches reaches the device. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5})
    void aStepIsOneGraphOfTwoKernelsALayerAndThree(int layers) {
        TestDevice on = TestDevice.accelerator();
        Device device = on.device();
        Assumptions.assumeTrue(on.isSoftware(), "only the software device counts launches");
        SoftwareDriver.Counters shorter = count(device, layers, 4);
        SoftwareDriver.Counters longer = count(device, layers, 8);
        int steps = 4;
        assertEquals(steps, longer.graphLaunches() - shorter.graphLaunches(), "graph launches");
        assertEquals(steps * (2L * layers + 3), longer.kernelLaunches() - shorter.kernelLaunches(), "kernels");
        assertEquals(shorter.hostCopies(), longer.hostCopies(), "copies between host and device");
        assertEquals(shorter.synchronizations(), longer.synchronizations(), "waits for the device");
    }

    private static SoftwareDriver.Counters count(Device device, int layers, int steps) {
        Split split = Datasets.builtIn("iris").split(0.8);
        Sequential.Builder builder = Sequential.builder(split.train().inputShape());
        for (int i = 1; i < layers; i++) {
            builder.dense(8, RELU);
        }
        try (Model model = builder.dense(3).build(device)) {
            Trainer trainer = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.adam()).clip(Clip.byGlobalNorm(1)).fusion(Fusion.OFF).build();
            SoftwareDriver.resetCounters();
            trainer.fit(DataLoader.of(split.train(), 120 / steps), 1);
            return SoftwareDriver.counters();
        }
    }
}
