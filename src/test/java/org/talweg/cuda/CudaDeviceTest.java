package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.talweg.ops.DeviceException;
import org.talweg.ops.Recording;
import org.talweg.tensor.Buffer;
import org.talweg.tensor.DType;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.SoftwareDevice;

/** The host layer without any of the library's own kernels. */
class CudaDeviceTest {
    private CudaDevice device;
    private final List<Buffer> owned = new ArrayList<>();

    @BeforeEach
    void open() {
        SoftwareDevice.require();
        device = new CudaDevice("software", 0, self -> null);
    }

    @AfterEach
    void close() {
        if (device != null) {
            owned.forEach(Buffer::close);
            device.close();
        }
    }

    private Buffer own(Buffer buffer) {
        owned.add(buffer);
        return buffer;
    }

    private Tensor ints(int count) {
        return Tensor.of(own(device.allocate(DType.INT32, count, "test")));
    }

    private int[] read(Tensor tensor) {
        int[] values = new int[(int) tensor.elements()];
        device.download(tensor, values);
        return values;
    }

    private void launch(String kernel, Tensor data, int value) {
        int count = (int) data.elements();
        device.launch(device.kernel("driver_test", kernel), (count + 63) / 64, 64,
            device.arguments().tensor(data).int32(value).int32(count));
    }

    @Test
    void memoryStartsAtZero() {
        assertArrayEquals(new int[1000], read(ints(1000)));
    }

    @Test
    void valuesSurviveTheRoundTripAlsoWhenTheyNeedSeveralPieces() {
        for (int count : new int[] {1, 7, 1 << 18, (1 << 19) + 13}) {
            Tensor tensor = Tensor.of(own(device.allocate(DType.FLOAT32, count, "test")));
            float[] sent = new float[count];
            for (int i = 0; i < count; i++) {
                sent[i] = i * 0.5f;
            }
            device.upload(sent, tensor);
            float[] received = new float[count];
            device.download(tensor, received);
            assertArrayEquals(sent, received);

            int[] whole = IntStream.range(0, count).toArray();
            Tensor integers = ints(count);
            device.upload(whole, integers);
            assertArrayEquals(whole, read(integers));
        }
    }

    @Test
    void aViewIsWrittenAndReadWithoutItsNeighbours() {
        Tensor tensor = ints(8);
        device.upload(new int[] {1, 2, 3}, tensor.view(2, Shape.of(3)));
        assertArrayEquals(new int[] {0, 0, 1, 2, 3, 0, 0, 0}, read(tensor));
        assertArrayEquals(new int[] {2, 3, 0}, read(tensor.view(3, Shape.of(3))));
    }

    @Test
    void copiesAndZeroesStayOnTheDevice() {
        Tensor source = ints(5);
        Tensor target = ints(5);
        device.upload(new int[] {1, 2, 3, 4, 5}, source);
        SoftwareDriver.resetCounters();
        device.copy(source, target);
        device.zero(source.view(1, Shape.of(2)));
        assertEquals(0, SoftwareDriver.counters().hostCopies());
        assertArrayEquals(new int[] {1, 2, 3, 4, 5}, read(target));
        assertArrayEquals(new int[] {1, 0, 0, 4, 5}, read(source));
    }

    @Test
    void anEmptyTensorIsAllowed() {
        Tensor empty = ints(0);
        device.upload(new int[0], empty);
        device.zero(empty);
        assertArrayEquals(new int[0], read(empty));
    }

    @Test
    void aKernelSeesItsArguments() {
        Tensor data = ints(130);
        launch("set_value", data, 41);
        launch("add_to", data, 1);
        assertArrayEquals(IntStream.generate(() -> 42).limit(130).toArray(), read(data));
    }

    @Test
    void argumentsThatDoNotFitTheKernelAreRefused() {
        Tensor data = ints(4);
        CudaKernel kernel = device.kernel("driver_test", "add_to");
        IllegalArgumentException few = assertThrows(IllegalArgumentException.class,
            () -> device.launch(kernel, 1, 32, device.arguments().tensor(data).int32(1)));
        assertEquals("kernel add_to takes 3 arguments, not 2", few.getMessage());
        IllegalArgumentException wide = assertThrows(IllegalArgumentException.class,
            () -> device.launch(kernel, 1, 32, device.arguments().tensor(data).int32(1).int64(4)));
        assertEquals("argument 2 of kernel add_to has 4 bytes, and 8 were given", wide.getMessage());
    }

    @Test
    void aRecordingRunsOnlyWhenReplayed() {
        Tensor data = ints(100);
        try (Recording recording = device.record(() -> {
            launch("add_to", data, 1);
            launch("add_to", data, 2);
        })) {
            assertArrayEquals(new int[100], read(data));
            assertEquals(2, ((CudaRecording) recording).nodes());
            SoftwareDriver.resetCounters();
            for (int i = 0; i < 5; i++) {
                recording.replay();
            }
            assertEquals(10, SoftwareDriver.counters().kernelLaunches());
            assertEquals(5, SoftwareDriver.counters().graphLaunches());
            assertEquals(10, SoftwareDriver.launchesByKernel().get("add_to"));
            assertEquals(0, SoftwareDriver.counters().synchronizations());
            assertArrayEquals(IntStream.generate(() -> 15).limit(100).toArray(), read(data));
        }
    }

    @Test
    void aRecordingRefusesWhatItCannotHold() {
        Tensor data = ints(4);
        Buffer spare = own(device.allocate(DType.INT32, 4, "spare"));
        for (Runnable forbidden : new Runnable[] {
            () -> ints(1), () -> read(data), () -> device.upload(new int[4], data), device::synchronize,
            spare::close, () -> device.record(() -> { })}) {
            IllegalStateException refused = assertThrows(IllegalStateException.class, () -> device.record(forbidden));
            assertTrue(refused.getMessage().contains("records"), refused.getMessage());
        }
        launch("set_value", data, 3);
        assertArrayEquals(new int[] {3, 3, 3, 3}, read(data));
    }

    @Test
    void anExceptionInARecordingEndsIt() {
        Tensor data = ints(4);
        ArithmeticException thrown = assertThrows(ArithmeticException.class, () -> device.record(() -> {
            launch("add_to", data, 1);
            throw new ArithmeticException("mine");
        }));
        assertEquals("mine", thrown.getMessage());
        launch("add_to", data, 1);
        assertArrayEquals(new int[] {1, 1, 1, 1}, read(data));
    }

    @Test
    void aClosedRecordingCannotBeReplayed() {
        Recording recording = device.record(() -> { });
        recording.close();
        recording.close();
        assertThrows(IllegalStateException.class, recording::replay);
    }

    @Test
    void tensorsOfOtherDevicesAreRefusedByName() {
        Tensor stranger = Tensor.of(new HostBuffer(DType.INT32, 1, () -> { }));
        IllegalArgumentException refused = assertThrows(IllegalArgumentException.class,
            () -> device.upload(new int[1], stranger));
        assertTrue(refused.getMessage().contains("HostBuffer"), refused.getMessage());
    }

    @Test
    void closedBuffersAreNamedBeforeTheDriverSeesThem() {
        Tensor data = ints(4);
        data.buffer().close();
        data.buffer().close();
        assertThrows(IllegalStateException.class, () -> read(data));
        assertEquals(0, device.bytesAllocated());
    }

    @Test
    void openBuffersAreInTheBooks() {
        own(device.allocate(DType.FLOAT32, 10, "weights"));
        Buffer scratch = device.allocate(DType.FLOAT32, 3, "scratch");
        assertEquals(52, device.bytesAllocated());
        scratch.close();
        assertEquals(1, device.liveAllocations().size());
        assertTrue(device.liveAllocations().get(0).startsWith("weights: 40 bytes"), device.liveAllocations().get(0));
    }

    @Test
    void outOfMemorySaysForWhatAndHowMuchThereIs() {
        DeviceException full = assertThrows(DeviceException.class,
            () -> device.allocate(DType.FLOAT32, 1L << 40, "a far too large batch"));
        for (String part : new String[] {"a far too large batch", "4398046511104 bytes wanted",
            " of " + SoftwareDriver.memory() + " free"}) {
            assertTrue(full.getMessage().contains(part), full.getMessage());
        }
        assertEquals(0, device.bytesAllocated());
        ints(4);
    }

    @Test
    void memoryComesBackWhenBuffersAreClosed() {
        device.close();
        long memory = SoftwareDriver.memory();
        SoftwareDriver.memory(1 << 20);
        try {
            device = new CudaDevice("software", 0, self -> null);
            for (int i = 0; i < 10; i++) {
                device.allocate(DType.INT32, 200_000, "most of it").close();
            }
            own(device.allocate(DType.INT32, 200_000, "most of it"));
            assertThrows(DeviceException.class, () -> device.allocate(DType.INT32, 200_000, "too much"));
        } finally {
            SoftwareDriver.memory(memory);
        }
    }

    @Test
    void anotherThreadMustAdoptTheDeviceFirst() throws InterruptedException {
        Tensor data = ints(4);
        AtomicReference<Throwable> stranger = new AtomicReference<>();
        AtomicReference<int[]> adopted = new AtomicReference<>();
        Thread thread = new Thread(() -> {
            try {
                launch("set_value", data, 1);
            } catch (IllegalStateException e) {
                stranger.set(e);
            }
            device.adopt();
            launch("set_value", data, 2);
            adopted.set(read(data));
        }, "visitor");
        thread.start();
        thread.join();
        assertTrue(stranger.get().getMessage().contains("visitor"), stranger.get().getMessage());
        assertArrayEquals(new int[] {2, 2, 2, 2}, adopted.get());
        assertThrows(IllegalStateException.class, () -> read(data));
        device.adopt();
        assertArrayEquals(new int[] {2, 2, 2, 2}, read(data));
    }

    @Test
    void twoDevicesCanBeUsedInTurn() {
        try (CudaDevice other = new CudaDevice("software", 0, self -> null)) {
            Tensor here = ints(2);
            Tensor there = Tensor.of(own(other.allocate(DType.INT32, 2, "test")));
            for (int i = 1; i <= 3; i++) {
                launch("add_to", here, 1);
                other.upload(new int[] {i, i}, there);
            }
            assertArrayEquals(new int[] {3, 3}, read(here));
            int[] values = new int[2];
            other.download(there, values);
            assertArrayEquals(new int[] {3, 3}, values);
            there.buffer().close();
        }
    }

    @Test
    void aMissingKernelOrFamilyIsNamed() {
        DeviceException kernel = assertThrows(DeviceException.class, () -> device.kernel("driver_test", "no_such"));
        assertTrue(kernel.getMessage().contains("no_such"), kernel.getMessage());
        DeviceException family = assertThrows(DeviceException.class, () -> device.kernel("no_family", "x"));
        assertTrue(family.getMessage().contains("no_family"), family.getMessage());
    }

    @Test
    void ptxThatDoesNotCompileIsReportedWithItsLine() {
        DeviceException broken = assertThrows(DeviceException.class, () -> device.kernel("broken_test", "broken"));
        assertTrue(broken.getMessage().contains("INVALID_PTX"), broken.getMessage());
        assertTrue(broken.getMessage().contains("line 7"), broken.getMessage());
    }

    @Test
    void theDescriptionNamesTheChipAndTheKernelImages() {
        device.kernel("driver_test", "add_to");
        assertTrue(device.description().startsWith("Talweg software device, compute capability 8.0"),
            device.description());
        assertTrue(device.description().endsWith("kernels: PTX"), device.description());
    }

    @Test
    void closingTwiceIsHarmlessAndUsingItAfterwardsIsNot() {
        Buffer buffer = device.allocate(DType.INT32, 1, "forgotten on purpose");
        device.close();
        device.close();
        buffer.close();
        assertThrows(IllegalStateException.class, () -> device.allocate(DType.INT32, 1, "test"));
    }
}
