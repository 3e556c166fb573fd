package org.talweg.cuda.check;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.CheckedDevice;
import org.talweg.cuda.SoftwareDriver;

/** Barriers that the lanes of a warp do not reach together. */
class BarrierCheckTest {
    private CheckedDevice device;
    private long out;

    @BeforeEach
    void open() {
        device = CheckedDevice.open();
        out = device.allocate(4 * 64);
        device.clear(out, 4 * 64);
    }

    @AfterEach
    void close() {
        device.close();
    }

    @Test
    void lanesAtTwoBarriersOfTheSameNumber() {
        device.expectReport(List.of("checks.cu:175", "checks.cu:178", "divergent barrier: thread (",
            "of the same warp waits for barrier 0 at"), "divergent_barrier", 1, 32, out);
    }

    @Test
    void lanesAtBarriersOfDifferentNumbers() {
        device.expectReport(List.of("checks.cu:184", "checks.cu:185", " never completes: 16 of 32 threads wait here",
            ",0,0) waits at"), "barrier_of_some_lanes", 1, 32, out);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void divergenceThatEndsBeforeTheBarrierIsFine(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        device.run("barrier_after_divergence", 1, 64, out);  // blocks would meet in out
    }
}
