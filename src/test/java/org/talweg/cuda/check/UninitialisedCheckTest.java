package org.talweg.cuda.check;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.talweg.cuda.CheckedDevice;
import org.talweg.cuda.SoftwareDriver.Check;

/** Reads of what nobody wrote, in global, shared and local memory. */
class UninitialisedCheckTest {
    private CheckedDevice device;
    private long in;
    private long out;

    @BeforeEach
    void open() {
        device = CheckedDevice.open();
        in = device.allocate(4 * 100);
        out = device.allocate(4 * 100);
    }

    @AfterEach
    void close() {
        device.close();
    }

    @Test
    void globalMemoryIsNotWrittenByBeingAllocated() {
        device.expectReport(List.of("checks.cu:26", "thread (0,0,0)", "uninitialised read of 1 bytes",
            "0 bytes into cuMemAlloc", "of 400 bytes"), "copy_bytes", 1, 32, in, out, 8);
    }

    @Test
    void fillsUploadsAndStoresInitialiseByteByByte() {
        device.clear(in, 13);
        device.run("copy_bytes", 1, 32, in, out, 13);
        device.run("copy_bytes", 1, 32, out, in + 100, 13);
        device.upload(in + 16, 1, 2, 3);
        device.run("copy_bytes", 1, 32, in + 16, out + 13, 12);
        device.expectReport(List.of("thread (13,0,0)", "13 bytes into cuMemAlloc"), "copy_bytes", 1, 32, in, out, 14);
    }

    @Test
    void aWideReadNeedsAllOfItsBytes() {
        device.clear(out, 400);
        device.clear(in, 399);
        device.run("sum_words", 1, 32, in, out, 99);
        device.expectReport(List.of("thread (3,0,0)", "uninitialised read of 4 bytes", "396 bytes into"), "sum_words",
            1, 32, in, out, 100);
    }

    @Test
    void copiesCarryOnWhatIsMissing() {
        device.clear(in, 40);
        device.copy(out, in, 100);
        device.run("copy_bytes", 1, 64, out, in, 40);
        device.expectReport(List.of("thread (40,0,0)"), "copy_bytes", 1, 64, out, in, 41);
    }

    @Test
    void aCopyOntoWrittenMemoryMakesItUninitialisedAgain() {
        device.clear(out, 400);
        device.copy(out + 3, in, 10);
        device.run("copy_bytes", 1, 32, out + 13, in, 10);
        device.expectReport(List.of("thread (3,0,0)"), "copy_bytes", 1, 32, out, in + 100, 4);
    }

    @Test
    void atomicsReadToo() {
        device.clear(in, 400);
        device.expectReport(List.of("checks.cu:32", "uninitialised read"), "sum_words", 1, 32, in, out, 32);
    }

    @Test
    void sharedMemory() {
        device.run("shared_read_after_written", 3, 64, out);
        device.expectReport(List.of("checks.cu:39", "thread (0,0,0)", "uninitialised read of 4 bytes",
            "shared memory address 0xfc of 256"), "shared_read_before_written", 3, 64, out);
    }

    @Test
    void localMemoryAcrossCalls() {
        device.run("local_read_before_written", 1, 40, out, 8);
        device.expectReport(List.of("thread (0,0,0)", "uninitialised read of 4 bytes", "local memory address"),
            "local_read_before_written", 1, 40, out, 7);
    }

    @Test
    void offMeansOff() {
        try (CheckedDevice unchecked = CheckedDevice.under(Check.BOUNDS)) {
            long memory = unchecked.allocate(400);
            unchecked.run("copy_bytes", 1, 32, memory, memory + 100, 8);
            unchecked.run("shared_read_before_written", 3, 64, memory);
            unchecked.run("race_without_barrier", 1, 64, memory);
        }
    }
}
