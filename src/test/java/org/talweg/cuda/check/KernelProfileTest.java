package org.talweg.cuda.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.talweg.cuda.CheckedDevice;
import org.talweg.cuda.KernelProfile;
import org.talweg.cuda.KernelProfile.InstructionClass;
import org.talweg.cuda.KernelProfile.Requests;
import org.talweg.cuda.KernelProfile.SharedRequests;
import org.talweg.cuda.SoftwareDriver;

/** The counters, on kernels whose counts can be told by hand. */
class KernelProfileTest {
    private CheckedDevice device;
    private long out;

    @BeforeEach
    void open() {
        device = CheckedDevice.open();
        out = device.allocate(4 * 4096);
        device.clear(out, 4 * 4096);
        SoftwareDriver.profile();
        SoftwareDriver.count(true);
    }

    @AfterEach
    void close() {
        SoftwareDriver.count(false);
        device.close();
    }

    private KernelProfile profile(String kernel, int grid, int block, Object... arguments) {
        device.run(kernel, grid, block, arguments);
        List<KernelProfile> launches = SoftwareDriver.profile();
        assertEquals(1, launches.size());
        return launches.get(0);
    }

    @Test
    void aRowOfFloatsFillsItsSectors() {
        KernelProfile profile = profile("write_within", 8, 128, out, 1000);
        assertEquals("write_within", profile.kernel());
        assertEquals(List.of(8, 1, 1), profile.grid());
        assertEquals(List.of(128, 1, 1), profile.block());
        assertEquals(new Requests(0, 0, 0), profile.loads());
        assertEquals(new Requests(32, 125, 125), profile.stores());  // 31 warps of 4 sectors, one of 8 lanes
        assertEquals(0, profile.sectorsRead());
        assertEquals(125, profile.sectorsWritten());
        assertEquals(4000, profile.bytes());
        assertEquals(32, profile.issued().get(InstructionClass.MEMORY));
        assertEquals(1000, profile.activeLanes().get(InstructionClass.MEMORY));
        assertEquals(32, profile.branches());
        assertEquals(1, profile.divergentBranches());
        assertEquals(0, profile.barriers());
    }

    @Test
    void bytesShareSectors() {
        KernelProfile profile = profile("copy_bytes", 1, 32, out + 16, out + 2048, 32);
        assertEquals(new Requests(1, 2, 1), profile.loads());  // half a sector off
        assertEquals(new Requests(1, 1, 1), profile.stores());
        assertEquals(2, profile.sectorsRead());
        assertEquals(1, profile.sectorsWritten());
    }

    @Test
    void whatIsReadTwiceCountsOnce() {
        KernelProfile profile = profile("sum_words", 4, 32, out, out + 4096, 64);
        assertEquals(8, profile.loads().count());
        assertEquals(32, profile.loads().sectors());
        assertEquals(8 + 1, profile.sectorsRead());
        assertEquals(1, profile.sectorsWritten());
        assertEquals(4, profile.atomics().count());
    }

    @Test
    void barriersAndSharedMemoryWithoutConflicts() {
        KernelProfile profile = profile("shared_read_after_written", 3, 64, out);
        assertEquals(new SharedRequests(12, 12, 12), profile.shared());
        assertEquals(3, profile.barriers());
        assertEquals(6, profile.issued().get(InstructionClass.BARRIER));
        assertEquals(256, profile.sharedBytes());
    }

    @Test
    void bankConflicts() {
        // The store alone: the compiler has the value it would load.
        for (int stride : new int[] {1, 2, 4, 16, 32}) {
            KernelProfile profile = profile("shared_stride", 1, 32, out, stride);
            assertEquals(new SharedRequests(1, stride, 1), profile.shared(), "stride " + stride);
            assertEquals(stride - 1, profile.shared().conflicts());
        }
        assertEquals(new SharedRequests(1, 4, 4), profile("shared_quads", 1, 32, out).shared());
    }

    @Test
    void scheduleAndThreadsDoNotMatter() {
        KernelProfile expected = profile("write_after_read_and_barrier", 9, 64, out);
        for (int threads = 1; threads <= 3; threads++) {
            SoftwareDriver.threads(threads);
            SoftwareDriver.scheduleSeed(threads);
            assertEquals(expected, profile("write_after_read_and_barrier", 9, 64, out));
        }
    }

    @Test
    void offCountsNothing() {
        SoftwareDriver.count(false);
        device.run("write_within", 8, 128, out, 1000);
        assertTrue(SoftwareDriver.profile().isEmpty());
    }
}
