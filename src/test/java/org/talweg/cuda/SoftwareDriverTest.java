package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.talweg.cuda.SoftwareDriver.Fault;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.ops.Recording;
import org.talweg.tensor.Buffer;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.SoftwareDevice;

/** What happens when something goes wrong: on its own, or because the test ordered it. */
class SoftwareDriverTest {
    private CudaDevice device;
    private Tensor data;

    @BeforeEach
    void open() {
        SoftwareDevice.require();
        device = new CudaDevice("software", 0, self -> null);
        data = device.allocate(DType.INT32, Shape.of(16), "data");
    }

    @AfterEach
    void close() {
        if (device != null) {
            data.buffer().close();
            device.close();
        }
        if (SoftwareDriver.isLoaded()) {
            for (Fault fault : Fault.values()) {
                SoftwareDriver.fail(fault, 0);
            }
        }
    }

    private void add() {
        device.launch(device.kernel("driver_test", "add_to"), 1, 32,
            device.arguments().tensor(data).int32(1).int32(16));
    }

    private void storeAt(long offset) {
        device.launch(device.kernel("driver_test", "store_at"), 1, 1,
            device.arguments().tensor(data).int64(offset));
    }

    private int[] read() {
        int[] values = new int[16];
        device.download(data, values);
        return values;
    }

    private void assertLost(int result) {
        for (Runnable call : new Runnable[] {this::add, this::read, device::synchronize,
            () -> device.allocate(DType.INT32, 1, "test")}) {
            assertEquals(result, assertThrows(CudaException.class, call::run).result());
        }
        data.buffer().close();
        device.close();
        device = new CudaDevice("software", 0, self -> null);
        data = device.allocate(DType.INT32, Shape.of(16), "data");
        add();
        assertEquals(1, read()[15]);
    }

    @Test
    void aStoreOverTheEndIsReportedAndTheContextIsLost() {
        CudaException illegal = assertThrows(CudaException.class, () -> storeAt(16 * 4 + 8));
        assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, illegal.result());
        for (String part : new String[] {"store_at", "CUDA_ERROR_ILLEGAL_ADDRESS", "8 bytes past the end",
            "of 64 bytes"}) {
            assertTrue(illegal.getMessage().contains(part), illegal.getMessage());
        }
        assertLost(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
    }

    @Test
    void aStoreAcrossTheEndIsIllegalToo() {
        storeAt(15 * 4);
        assertThrows(CudaException.class, () -> storeAt(16 * 4));
        assertLost(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
    }

    @Test
    void useAfterFreeNamesTheFreedAllocation() {
        Buffer freed = device.allocate(DType.INT32, 100, "soon freed");
        long offset = ((CudaBuffer) freed).address() - CudaDevice.address(data);
        freed.close();
        CudaException illegal = assertThrows(CudaException.class, () -> storeAt(offset + 20));
        for (String part : new String[] {"20 bytes into", "of 400 bytes", "freed"}) {
            assertTrue(illegal.getMessage().contains(part), illegal.getMessage());
        }
        assertLost(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
    }

    @Test
    void aRecordingOverFreedMemoryIsCaughtWhenReplayed() {
        Buffer target = device.allocate(DType.INT32, 4, "target");
        try (Recording recording = device.record(() -> device.zero(Tensor.of(target)))) {
            target.close();
            CudaException illegal = assertThrows(CudaException.class, recording::replay);
            assertTrue(illegal.getMessage().contains("freed"), illegal.getMessage());
        }
        assertLost(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS);
    }

    @Test
    void theOrderedAllocationFailsAndNoOther() {
        SoftwareDriver.fail(Fault.ALLOCATION, 2);
        Buffer first = device.allocate(DType.INT32, 1, "first");
        DeviceMemoryException second = assertThrows(DeviceMemoryException.class,
            () -> device.allocate(DType.INT32, 1, "second"));
        assertTrue(second.getMessage().contains("second"), second.getMessage());
        first.close();
        device.allocate(DType.INT32, 1, "third").close();
        add();
        assertEquals(1, read()[0]);
    }

    @Test
    void theOrderedLaunchFails() {
        device.kernel("driver_test", "add_to");
        SoftwareDriver.fail(Fault.LAUNCH, 3);
        add();
        add();
        CudaException third = assertThrows(CudaException.class, this::add);
        assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, third.result());
        assertTrue(third.getMessage().contains("add_to failed, as ordered"), third.getMessage());
        assertLost(CUresult.CUDA_ERROR_LAUNCH_FAILED);
    }

    @Test
    void theOrderedCopyFails() {
        SoftwareDriver.fail(Fault.COPY, 1);
        assertEquals(CUresult.CUDA_ERROR_ECC_UNCORRECTABLE,
            assertThrows(CudaException.class, this::read).result());
        assertLost(CUresult.CUDA_ERROR_ECC_UNCORRECTABLE);
    }

    @Test
    void everyAllocationOfOpeningADeviceMayFail() {
        int failures = 0;
        for (int nth = 1; ; nth++) {
            SoftwareDriver.fail(Fault.ALLOCATION, nth);
            try (CudaDevice opened = new CudaDevice("software", 0, self -> null)) {
                assertTrue(failures > 0, "opening a device allocates something");
                SoftwareDriver.fail(Fault.ALLOCATION, 0);
                assertEquals(0, opened.bytesAllocated());
                return;
            } catch (CudaException e) {
                assertEquals(CUresult.CUDA_ERROR_OUT_OF_MEMORY, e.result());
                failures++;
            }
        }
    }

    @Test
    void aLaunchThatCannotBeIsRefusedAndTheContextLivesOn() {
        CudaKernel kernel = device.kernel("driver_test", "add_to");
        CudaException refused = assertThrows(CudaException.class, () -> device.launch(kernel, 1, 2048,
            device.arguments().tensor(data).int32(1).int32(16)));
        assertEquals(CUresult.CUDA_ERROR_INVALID_VALUE, refused.result());
        assertTrue(refused.getMessage().contains("block.x is 2048"), refused.getMessage());
        assertThrows(CudaException.class, () -> device.launch(kernel, 0, 32,
            device.arguments().tensor(data).int32(1).int32(16)));
        assertThrows(CudaException.class, () -> device.launch(kernel, 1, 1, 1, 32, 1 << 20,
            device.arguments().tensor(data).int32(1).int32(16)));
        add();
        assertEquals(1, read()[0]);
    }

    @Test
    void moreThanTheDefaultSharedMemoryIsAskedForByTheHostLayer() {
        CudaKernel kernel = device.kernel("driver_test", "add_to");
        device.launch(kernel, 1, 1, 1, 32, 100 * 1024, device.arguments().tensor(data).int32(1).int32(16));
        assertEquals(1, read()[0]);
        assertEquals(1, kernel.blocksPerMultiprocessor(32, 100 * 1024));
        assertEquals(32, kernel.blocksPerMultiprocessor(32, 0));
        assertEquals(2, kernel.blocksPerMultiprocessor(1024, 0));
    }

    @Test
    void countersCountAndReset() {
        SoftwareDriver.resetCounters();
        add();
        add();
        read();
        SoftwareDriver.Counters counters = SoftwareDriver.counters();
        assertEquals(2, counters.kernelLaunches());
        assertEquals(1, counters.hostCopies());
        assertEquals(1, counters.synchronizations());
        assertTrue(counters.warpInstructions() > 0);
        assertTrue(counters.laneInstructions() > counters.warpInstructions());
        SoftwareDriver.resetCounters();
        assertEquals(new SoftwareDriver.Counters(0, 0, 0, 0, 0, 0), SoftwareDriver.counters());
        assertTrue(SoftwareDriver.launchesByKernel().isEmpty());
    }

    @Test
    void settingsTakeEffectWithoutChangingResults() {
        try {
            for (long seed : new long[] {0, 1, 12345}) {
                for (int threads : new int[] {1, 2}) {
                    SoftwareDriver.scheduleSeed(seed);
                    SoftwareDriver.threads(threads);
                    device.zero(data);
                    add();
                    int[] ones = new int[16];
                    Arrays.fill(ones, 1);
                    assertArrayEquals(ones, read());
                }
            }
        } finally {
            SoftwareDriver.scheduleSeed(0);
            SoftwareDriver.threads(0);
        }
        assertThrows(IllegalArgumentException.class, () -> SoftwareDriver.threads(-1));
        assertThrows(IllegalArgumentException.class, () -> SoftwareDriver.memory(0));
        assertThrows(IllegalArgumentException.class, () -> SoftwareDriver.fail(Fault.COPY, -1));
    }

    @Test
    void aReportIsSaidOnce() {
        assertThrows(CudaException.class, () -> storeAt(-4));
        CudaException later = assertThrows(CudaException.class, device::synchronize);
        assertFalse(later.getMessage().contains("before the start"), later.getMessage());
    }
}
