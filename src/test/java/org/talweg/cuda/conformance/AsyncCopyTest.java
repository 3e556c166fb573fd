package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.testing.SoftwareDevice;

/** cp.async and mbarrier. */
class AsyncCopyTest {
    private static final String TILE = """
        .shared .align 16 .b8 tile[2048];
        .reg .b32 %base, %at, %x<4>, %n; .reg .pred %p;
        mov.u32 %base, tile;
        shl.b32 %at, %lane, 4;
        add.u32 %at, %at, %base;
        mov.b32 %x0, 0xffffffff;
        st.shared.v4.b32 [%at], {%x0, %x0, %x0, %x0};
        """;
    private static final String STORE = """
        ld.shared.v4.b32 {%x0, %x1, %x2, %x3}, [%at];
        st.global.v4.b32 [%dst], {%x0, %x1, %x2, %x3};
        """;

    private static int[] numbers(int count) {
        int[] numbers = new int[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = i + 1;
        }
        return numbers;
    }

    @ParameterizedTest
    @CsvSource({"ca, 4", "ca, 8", "ca, 16", "cg, 16"})
    void copiesWhatItSays(String cache, int bytes) {
        int[] out = Ptx.kernel(TILE + "cp.async." + cache + ".shared.global [%at], [%src], " + bytes
            + "; cp.async.wait_all;" + STORE).run(numbers(128), 4);
        for (int i = 0; i < 128; i++) {
            assertEquals(i % 4 < bytes / 4 ? i + 1 : -1, out[i]);
        }
    }

    @Test
    void theDataIsNotThereBeforeTheWait() {
        int[] out = SoftwareDevice.without(Check.RACES, () -> Ptx.kernel(TILE + """
            cp.async.ca.shared.global [%at], [%src], 4;
            ld.shared.b32 %x0, [%at];
            st.global.b32 [%dst], %x0;
            cp.async.commit_group;
            ld.shared.b32 %x0, [%at];
            st.global.b32 [%dst+4], %x0;
            cp.async.wait_group 0;
            ld.shared.b32 %x0, [%at];
            st.global.b32 [%dst+8], %x0;
            """).run(numbers(32), 3));
        for (int lane = 0; lane < 32; lane++) {
            assertEquals(-1, out[3 * lane]);
            assertEquals(-1, out[3 * lane + 1]);
            assertEquals(lane + 1, out[3 * lane + 2]);
        }
    }

    @Test
    void waitGroupLeavesTheYoungestPending() {
        int[] out = SoftwareDevice.without(Check.RACES, () -> Ptx.kernel(TILE + """
            cp.async.ca.shared.global [%at], [%src], 4;      cp.async.commit_group;
            cp.async.ca.shared.global [%at+4], [%src+4], 4;  cp.async.commit_group;
            cp.async.ca.shared.global [%at+8], [%src+8], 4;  cp.async.commit_group;
            cp.async.wait_group 2;
            ld.shared.v4.b32 {%x0, %x1, %x2, %x3}, [%at]; st.global.v4.b32 [%dst], {%x0, %x1, %x2, %x3};
            cp.async.wait_group 1;
            ld.shared.v4.b32 {%x0, %x1, %x2, %x3}, [%at]; st.global.v4.b32 [%dst+16], {%x0, %x1, %x2, %x3};
            cp.async.wait_group 0;
            ld.shared.v4.b32 {%x0, %x1, %x2, %x3}, [%at]; st.global.v4.b32 [%dst+32], {%x0, %x1, %x2, %x3};
            """).run(numbers(128), 12));
        for (int lane = 0; lane < 32; lane++) {
            for (int wait = 0; wait < 3; wait++) {
                for (int i = 0; i < 3; i++) {
                    assertEquals(i <= wait ? 4 * lane + i + 1 : -1, out[12 * lane + 4 * wait + i]);
                }
            }
        }
    }

    @Test
    void fewerBytesAreFilledUpWithZeros() {
        int[] out = Ptx.kernel(TILE + """
            and.b32 %n, %lane, 15;
            cp.async.cg.shared.global [%at], [%src], 16, %n;
            cp.async.wait_all;
            """ + STORE).run(numbers(128), 4);
        for (int lane = 0; lane < 32; lane++) {
            int bytes = lane & 15;
            for (int b = 0; b < 16; b++) {
                int expected = b < bytes ? (4 * lane + b / 4 + 1) >>> (8 * (b % 4)) & 0xff : 0;
                assertEquals(expected, out[4 * lane + b / 4] >>> (8 * (b % 4)) & 0xff, "lane " + lane + " byte " + b);
            }
        }
    }

    @Test
    void anIgnoredSourceIsNotEvenLookedAt() {
        int[] out = Ptx.kernel(TILE + """
            .reg .u64 %nowhere;
            mov.u64 %nowhere, 64;
            mov.u32 %n, 0;
            cp.async.cg.shared.global [%at], [%nowhere], 16, %n;
            setp.eq.u32 %p, %n, 0;
            cp.async.ca.shared.global [%at+1024], [%nowhere], 4, %p;
            cp.async.wait_all;
            """ + STORE).run(numbers(128), 4);
        for (int word : out) {
            assertEquals(0, word);
        }
    }

    @Test
    void badAddressesAreReported() {
        String report = Ptx.kernel(TILE + "cp.async.ca.shared.global [%at], [%src+4], 16;")
            .fails(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, numbers(128), 1);
        assertTrue(report.contains("not a multiple of 16"), report);
        report = Ptx.kernel(TILE + "cp.async.ca.shared.global [%at], [%src+4096], 16;")
            .fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, numbers(128), 1);
        assertTrue(report.contains("past the end"), report);
        report = Ptx.kernel(TILE + "mov.u32 %n, 8; cp.async.ca.shared.global [%at], [%src+4088], 16, %n;")
            .fails(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, numbers(128), 1);
        assertTrue(report.contains("cp.async"), report);
        report = Ptx.kernel(TILE + "mov.u32 %n, 8; cp.async.ca.shared.global [%at], [%src+4096], 16, %n;")
            .fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, numbers(128), 1);
        assertTrue(report.contains("cp.async"), report);
    }

    @Test
    void mbarrierCompletesAPhaseWhenAllHaveArrived() {
        int[] out = Ptx.kernel("""
            .shared .align 8 .b64 barrier;
            .shared .align 4 .b32 sum;
            .reg .b64 %state; .reg .b32 %x, %old; .reg .pred %p;
            setp.ne.u32 %p, %id, 0;
            @%p bra READY;
            mbarrier.init.shared.b64 [barrier], 64;
            mov.u32 %x, 0;
            st.shared.u32 [sum], %x;
            READY:
            bar.sync 0;
            add.u32 %x, %id, 1;
            atom.shared.add.u32 %old, [sum], %x;
            mbarrier.arrive.shared.b64 %state, [barrier];
            WAIT:
            mbarrier.test_wait.shared.b64 %p, [barrier], %state;
            @!%p bra WAIT;
            ld.shared.u32 %x, [sum];
            st.global.u32 [%dst], %x;
            // the second phase, told by parity
            mbarrier.arrive.release.cta.shared::cta.b64 %state, [barrier];
            AGAIN:
            mbarrier.try_wait.parity.shared.b64 %p, [barrier], 1;
            @!%p bra AGAIN;
            st.global.u32 [%dst+4], %x;
            """).launch(1, 64).run(new int[64], 2);
        for (int word : out) {
            assertEquals(64 * 65 / 2, word);
        }
    }

    /** Without a space the address is generic; libcu++ writes a shared one in a register of 32 bits, and ptxas takes it. */
    @ParameterizedTest
    @ValueSource(strings = {".shared.b64 [barrier]", ".shared::cta.b64 [%n]", ".b64 [%n]", ".b64 [%wide]"})
    void copiesArriveAtAnMbarrier(String where) {
        int[] out = Ptx.kernel(TILE + """
            .shared .align 8 .b64 barrier;
            .reg .b64 %state, %wide;
            setp.ne.u32 %p, %id, 0;
            @%p bra READY;
            mbarrier.init.shared.b64 [barrier], 32;
            READY:
            bar.sync 0;
            mov.u32 %n, barrier;
            cvt.u64.u32 %wide, %n;
            cvta.shared.u64 %wide, %wide;
            cp.async.ca.shared.global [%at], [%src], 16;
            cp.async.mbarrier.arrive.noinc{};
            WAIT:
            mbarrier.test_wait.parity.shared.b64 %p, [barrier], 0;
            @!%p bra WAIT;
            """.replace("{}", where) + STORE).run(numbers(128), 4);
        for (int i = 0; i < 128; i++) {
            assertEquals(i + 1, out[i]);
        }
    }
}
