package org.talweg.cuda.check;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.CheckedDevice;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.SoftwareDriver.Check;

/** Threads of a block that meet in shared memory. */
class RaceCheckTest {
    private CheckedDevice device;
    private long out;

    @BeforeEach
    void open() {
        open(CheckedDevice.under(Check.RACES));
    }

    private void open(CheckedDevice opened) {
        device = opened;
        out = device.allocate(4 * 128);
    }

    @AfterEach
    void close() {
        device.close();
    }

    @Test
    void aReadOfWhatAnotherWarpWrote() {
        device.expectReport(List.of("checks.cu:64", "checks.cu:63", "race: ", " of 4 bytes at shared memory address 0x",
            "of 256", "with no barrier in between"), "race_without_barrier", 1, 64, out);
    }

    @Test
    void aWriteOverWhatAnotherThreadMayNotHaveRead() {
        device.expectReport(List.of("checks.cu:72", "checks.cu:71", "race: ", "by thread ("),
            "race_write_after_read", 1, 64, out);
    }

    @Test
    void writesOfDifferentValues() {
        device.expectReport(List.of("checks.cu:88", "thread (32,0,0)", "race: write of 4 bytes",
            "written by thread (0,0,0) at checks.cu:88"), "race_between_writes", 1, 64, out);
    }

    @Test
    void writesOfDifferentValuesInOneInstruction() {
        device.expectReport(List.of("checks.cu:95", "in the same instruction with another value"),
            "race_within_a_store", 1, 32, out);
    }

    @Test
    void lanesOfOneWarp() {
        device.expectReport(List.of("checks.cu:110", "race: read", "at checks.cu:109"), "race_within_a_warp", 1, 32,
            out);
    }

    @Test
    void bytesOfOneWord() {
        device.expectReport(List.of("checks.cu:126", "at checks.cu:125", "race: read of 1 bytes at shared memory"
            + " address 0x", "written by thread ("), "race_of_bytes", 1, 64, out);
    }

    @Test
    void anAtomicAndAPlainAccess() {
        device.expectReport(List.of("checks.cu:141", "checks.cu:140", "race: ", "atomic"), "race_of_atomic_and_plain", 1, 64, out);
    }

    @Test
    void aNamedBarrierOrdersOnlyThoseWhoWaitForIt() {
        device.expectReport(List.of("checks.cu:161", "checks.cu:164", "race: "),
            "producer_overruns_consumer", 1, 96, out);
    }

    @Test
    void anAsynchronousCopyNobodyWaitedFor() {
        long in = device.allocate(4 * 64);
        device.clear(in, 4 * 64);
        device.run("copy_and_wait", 3, 64, in, out);
        device.expectReport(List.of("checks.cu:204", "read of 4 bytes at shared memory address 0x",
            "missing wait: the asynchronous copy begun by thread (", "at checks.cu:201"), "missing_wait", 1, 64, in, out);
    }

    @Test
    void aWaitIsNoBarrier() {
        long in = device.allocate(4 * 64);
        device.clear(in, 4 * 64);
        device.expectReport(List.of("checks.cu:215", "race: read", "at checks.cu:213"), "wait_without_barrier", 1, 64,
            in, out);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void orderedAccessesAreNoRace(long seed) {
        device.close();
        open(CheckedDevice.open());
        SoftwareDriver.scheduleSeed(seed);
        device.run("shared_read_after_written", 3, 64, out);
        device.run("write_after_read_and_barrier", 3, 64, out);
        device.run("writes_of_one_value", 3, 64, out);
        device.run("exchange_within_a_warp", 3, 32, out);
        device.run("bytes_of_their_own", 3, 64, out);
        device.run("atomics_and_barriers", 3, 64, out);
        device.run("producer_and_consumer", 3, 96, out);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void aRaceIsFoundUnderEverySchedule(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        device.expectReport(List.of("race: "), "race_without_barrier", 1, 64, out);
    }
}
