package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;

/** Barriers of a block and of a grid. */
class BarrierTest {
    private static final long[] SEEDS = {0, 1, 2, 3, 4, 5};

    @AfterEach
    void inOrder() {
        SoftwareDriver.scheduleSeed(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"bar.sync 0", "bar.sync 3", "barrier.sync 0", "barrier.sync.aligned 5", "bar.cta.sync 0",
        "barrier.cta.sync 1", "barrier.cta.sync.aligned 2", "bar.sync 4, 128", "barrier.sync 15, 128"})
    void everyThreadSeesWhatWasStoredBefore(String barrier) {
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel("""
                .shared .align 4 .b8 tile[512];
                .reg .b32 %at, %base, %x;
                mov.u32 %base, tile;
                mad.lo.u32 %at, %id, 4, %base;
                st.shared.u32 [%at], %id;
                """ + barrier + """
                ;
                xor.b32 %at, %id, 127; mad.lo.u32 %at, %at, 4, %base;
                ld.shared.u32 %x, [%at];
                st.global.u32 [%dst], %x;
                """).launch(1, 128).run(new int[128], 1);
            for (int i = 0; i < 128; i++) {
                assertEquals(i ^ 127, out[i], "seed " + seed);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"bar.red", "barrier.red", "barrier.cta.red.aligned"})
    void reductionsOverTheBlock(String red) {
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel("""
                .reg .pred %%p, %%q; .reg .b32 %%x, %%y;
                setp.lt.u32 %%p, %%id, 37;
                %1$s.popc.u32 %%x, 0, %%p;            st.global.u32 [%%dst], %%x;
                %1$s.popc.u32 %%x, 0, !%%p;           st.global.u32 [%%dst+4], %%x;
                %1$s.and.pred %%q, 1, %%p;            selp.b32 %%x, 1, 0, %%q;
                %1$s.or.pred %%q, 1, 96, %%p;         selp.b32 %%y, 2, 0, %%q; or.b32 %%x, %%x, %%y;
                setp.lt.u32 %%p, %%id, 1000;
                %1$s.and.pred %%q, 2, %%p;            selp.b32 %%y, 4, 0, %%q; or.b32 %%x, %%x, %%y;
                %1$s.or.pred %%q, 2, !%%p;            selp.b32 %%y, 8, 0, %%q; or.b32 %%x, %%x, %%y;
                st.global.u32 [%%dst+8], %%x;
                """.formatted(red)).launch(1, 96).run(new int[96], 3);
            for (int i = 0; i < 96; i++) {
                assertEquals(37, out[3 * i]);
                assertEquals(59, out[3 * i + 1]);
                assertEquals(2 | 4, out[3 * i + 2], "seed " + seed);
            }
        }
    }

    @Test
    void producersArriveAndConsumersWait() {
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel("""
                .shared .align 4 .b8 tile[128];
                .reg .b32 %at, %base, %x, %i; .reg .pred %p, %q;
                mov.u32 %base, tile; mad.lo.u32 %at, %lane, 4, %base;
                mov.b32 %i, 1;
                setp.lt.u32 %p, %id, 32;
                @%p bra PRODUCE;
                CONSUME:
                barrier.sync 1, 64;
                ld.shared.u32 %x, [%at];
                barrier.arrive 2, 64;
                setp.ne.u32 %q, %i, 5; add.u32 %i, %i, 1; @%q bra CONSUME;
                bra END;
                PRODUCE:
                mad.lo.u32 %x, %i, 100, %lane;
                st.shared.u32 [%at], %x;
                bar.arrive 1, 64;
                bar.sync 2, 64;
                setp.ne.u32 %q, %i, 5; add.u32 %i, %i, 1; @%q bra PRODUCE;
                END: st.global.u32 [%dst], %x;
                """).launch(1, 64).run(new int[64], 1);
            for (int i = 32; i < 64; i++) {
                assertEquals(500 + i - 32, out[i], "seed " + seed);
            }
        }
    }

    @Test
    void threadsThatExitNoLongerCount() {
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel("""
                .reg .pred %p; .reg .b32 %x;
                setp.ge.u32 %p, %id, 40;
                @%p exit;
                bar.sync 0;
                mov.b32 %x, 1;
                st.global.u32 [%dst], %x;
                """).launch(1, 96).run(new int[96], 1);
            for (int i = 0; i < 96; i++) {
                assertEquals(i < 40 ? 1 : 0, out[i], "seed " + seed);
            }
        }
    }

    @Test
    void aBarrierThatOnlySomeReachIsReported() {
        String report = Ptx.kernel("""
            .reg .pred %p;
            setp.ge.u32 %p, %id, 40;
            @%p bra OTHER;
            bar.sync 0;
            bra END;
            OTHER: bar.sync 1;
            END: setp.eq.u32 %p, %id, 0;
            """).launch(1, 64).fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[64], 1);
        assertTrue(report.contains("never completes"), report);
        assertTrue(report.contains("40 of 64") || report.contains("24 of 64"), report);
        report = Ptx.kernel("bar.sync 0, 33;").launch(1, 64).fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[64], 1);
        assertTrue(report.contains("multiples of 32"), report);
        report = Ptx.kernel("bar.sync %lane;").launch(1, 64).fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[64], 1);
        assertTrue(report.contains("barrier"), report);
    }

    /** As cooperative_groups does it: arrivals at a counter that %envreg points to, the sign bit flips when all came. */
    private static final String GRID_SYNC = """
        .reg .b32 %hi, %lo, %old, %now, %n; .reg .b64 %work; .reg .pred %p;
        mov.u32 %lo, %envreg2; mov.u32 %hi, %envreg1; mov.b64 %work, {%lo, %hi};
        setp.eq.u64 %p, %work, 0; @%p trap;
        st.global.u32 [%dst], %id;
        barrier.sync 0;
        mov.u32 %n, %tid.x; setp.ne.u32 %p, %n, 0; @%p bra WAITED;
        mov.u32 %n, %nctaid.x; sub.u32 %n, 0x80000001, %n;
        mov.u32 %lo, %ctaid.x; setp.ne.u32 %p, %lo, 0; @%p mov.u32 %n, 1;
        fence.sc.gpu;
        atom.add.release.gpu.u32 %old, [%work+4], %n;
        SPIN: ld.acquire.gpu.u32 %now, [%work+4];
        xor.b32 %now, %now, %old; setp.ge.s32 %p, %now, 0; @%p bra SPIN;
        WAITED: barrier.sync 0;
        mov.u32 %n, %nctaid.x; mov.u32 %lo, %ntid.x; mul.lo.u32 %n, %n, %lo; sub.u32 %n, %n, 1; sub.u32 %n, %n, %id;
        mad.wide.u32 %work, %n, 8, %out;
        ld.global.u32 %now, [%work];
        st.global.u32 [%dst+4], %now;
        """;

    @Test
    void aGridSynchronises() {
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel(GRID_SYNC).launch(16, 64).cooperative().run(new int[1024], 2);
            for (int i = 0; i < 1024; i++) {
                assertEquals(1023 - i, out[2 * i + 1], "seed " + seed);
            }
        }
    }

    @Test
    void onlyACooperativeLaunchHasAGridBarrier() {
        String report = Ptx.kernel(GRID_SYNC).launch(2, 32).fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[64], 2);
        assertTrue(report.contains("trap"), report);
    }

    @Test
    void aCooperativeGridThatTheDeviceCannotHoldIsRefused() {
        String report = Ptx.kernel(GRID_SYNC).launch(100, 1024).cooperative()
            .fails(CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, new int[102400], 2);
        assertTrue(report.contains("100 cooperating blocks"), report);
    }
}
