package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.TANH;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.ops.Devices;
import org.talweg.ops.Ops;
import org.talweg.ops.Recording;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizers;
import org.talweg.tensor.Buffer;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** A batch in micro-batches is the same step up to rounding, chosen or forced by a lack of memory. */
class MicroBatchTest {
    private static final Dataset IRIS = Scaler.standard().fit(Datasets.builtIn("iris")).apply(
        Datasets.builtIn("iris").shuffle(1));

    private record Outcome(float[] weights, TrainingResult result) {
    }

    private static Outcome train(Device device, int batch, int microBatch, int epochs) {
        try (Model model = Sequential.builder(IRIS.inputShape()).seed(3).dense(9, TANH).dense(3).build(device)) {
            TrainingResult result = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.sgd().learningRate(0.1f).momentum(0.9f)).clip(Clip.byGlobalNorm(0.5f))
                .microBatch(microBatch).build().fit(DataLoader.of(IRIS, batch).shuffled(4), epochs);
            return new Outcome(model.parameterValues("dense_1.weight"), result);
        }
    }

    private static void expectSame(Outcome expected, Outcome actual) {
        assertArrayEquals(expected.weights, actual.weights, 2e-5f);
        for (int i = 0; i < expected.result.history().size(); i++) {
            EpochMetrics one = expected.result.history().get(i);
            EpochMetrics other = actual.result.history().get(i);
            assertEquals(one.loss(), other.loss(), 1e-5);
            assertEquals(one.accuracy(), other.accuracy(), 1e-6);
            assertEquals(one.gradientNorm(), other.gradientNorm(), 1e-5);
            assertEquals(one.steps(), other.steps());
        }
    }

    @OnEveryDevice
    void aFullBatchInMicroBatches(TestDevice on) {
        Outcome whole = train(on.device(), 150, 150, 4);
        for (int microBatch : new int[] {1, 7, 50, 149, 1000}) {
            expectSame(whole, train(on.device(), 150, microBatch, 4));
        }
    }

    @Property(tries = 20)
    void anyBatchInAnyMicroBatches(@ForAll @IntRange(min = 1, max = 160) int batch,
                                   @ForAll @IntRange(min = 1, max = 160) int microBatch) {
        try (Device device = Devices.open("reference")) {
            expectSame(train(device, batch, batch, 2), train(device, batch, microBatch, 2));
        }
    }

    @Test
    void aBatchThatDoesNotFitIsCutByItself() {
        try (Device real = Devices.open("reference")) {
            LimitedDevice large = new LimitedDevice(real, Long.MAX_VALUE);
            Outcome whole = train(large, 150, 150, 3);
            LimitedDevice small = new LimitedDevice(real, large.peak - 1);
            Outcome cut = train(small, 150, 150, 3);
            assertTrue(small.refusals > 0, "everything fitted, so nothing was tested");
            expectSame(whole, cut);
            assertEquals(0, real.bytesAllocated(), () -> real.liveAllocations().toString());
            assertThrows(DeviceMemoryException.class, () -> train(new LimitedDevice(real, 5_000), 150, 150, 1));
            assertEquals(0, real.bytesAllocated(), () -> real.liveAllocations().toString());
        }
    }

    @Test
    void microBatchesOfNothingAreRefused() {
        try (Device device = Devices.open("reference")) {
            assertEquals("0 rows of a micro-batch; at least 1 is needed", assertThrows(IllegalArgumentException.class,
                () -> train(device, 10, 0, 1)).getMessage());
            assertEquals(List.of(), device.liveAllocations());
        }
    }

    /** Another device with less memory. */
    private static final class LimitedDevice implements Device {
        private final Device device;
        private final long limit;
        private int refusals;
        private long peak;

        LimitedDevice(Device device, long limit) {
            this.device = device;
            this.limit = limit;
        }

        @Override
        public Buffer allocate(DType dtype, long length, String purpose) {
            if (bytesAllocated() + length * dtype.bytes() > limit) {
                refusals++;
                throw new DeviceMemoryException("no room for " + purpose + " in " + limit + " bytes");
            }
            Buffer buffer = device.allocate(dtype, length, purpose);
            peak = Math.max(peak, bytesAllocated());
            return buffer;
        }

        @Override
        public String name() {
            return "small " + device.name();
        }

        @Override
        public String description() {
            return device.description();
        }

        @Override
        public Ops ops() {
            return device.ops();
        }

        @Override
        public void upload(float[] source, Tensor destination) {
            device.upload(source, destination);
        }

        @Override
        public void upload(int[] source, Tensor destination) {
            device.upload(source, destination);
        }

        @Override
        public void download(Tensor source, float[] destination) {
            device.download(source, destination);
        }

        @Override
        public void download(Tensor source, int[] destination) {
            device.download(source, destination);
        }

        @Override
        public Recording record(Runnable body) {
            return device.record(body);
        }

        @Override
        public void synchronize() {
            device.synchronize();
        }

        @Override
        public void adopt() {
            device.adopt();
        }

        @Override
        public long bytesAllocated() {
            return device.bytesAllocated();
        }

        @Override
        public List<String> liveAllocations() {
            return device.liveAllocations();
        }

        @Override
        public void close() {
            device.close();
        }
    }
}
