package org.talweg.cuda.check;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.talweg.cuda.CheckedDevice;

/** Accesses outside of what is allocated, and misaligned ones. */
class BoundsCheckTest {
    private CheckedDevice device;

    @BeforeEach
    void open() {
        device = CheckedDevice.open();
    }

    @AfterEach
    void close() {
        device.close();
    }

    @Test
    void oneElementTooManyIsCaughtAndTheRightNumberIsNot() {
        long out = device.allocate(4 * 100);
        device.run("write_within", 4, 32, out, 100);
        device.expectReport(List.of("checks.cu:7", "block (3,0,0)", "thread (4,0,0)", "write of 4 bytes",
            Long.toHexString(out + 400), "0 bytes past the end of cuMemAlloc", "of 400 bytes"),
            "write_past_the_end", 4, 32, out, 100);
    }

    @Test
    void useAfterFreeIsCaught() {
        long out = device.allocate(4 * 100);
        device.run("write_within", 4, 32, out, 100);
        device.free(out);
        device.expectReport(List.of("0 bytes into cuMemAlloc", "of 400 bytes, which is freed"), "write_within", 4, 32,
            out, 100);
    }

    @Test
    void aMisalignedReadIsCaught() {
        long in = device.allocate(4 * 34);
        long out = device.allocate(4 * 32);
        device.clear(in, 4 * 34);
        device.run("read_aligned", 1, 32, in, out);
        device.expectReport(List.of("thread (0,0,0)", "read of 4 bytes", "not a multiple of 4",
            Long.toHexString(in + 2)), "read_misaligned", 1, 32, in, out);
    }
}
