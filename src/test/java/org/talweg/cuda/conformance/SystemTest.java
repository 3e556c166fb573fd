package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Special registers, printf, assert, trap, malloc, and what the loader accepts. */
class SystemTest {
    private static final String PRINT = """
        .extern .func (.param .b32 r) vprintf (.param .b64 format, .param .b64 arguments);
        .extern .func __assertfail (.param .b64 m, .param .b64 f, .param .b32 l, .param .b64 n, .param .b64 s);
        .extern .func (.param .b64 r) malloc (.param .b64 n);
        .extern .func free (.param .b64 p);
        .global .align 1 .b8 format[20] = {37, 100, 32, 37, 115, 32, 37, 46, 50, 102, 32, 37, 108, 108, 100, 32, 37, 37, 10, 0};
        .global .align 1 .b8 text[5] = {119, 111, 114, 100, 0};
        """;

    @Test
    void theGeometryIsInSpecialRegisters() {
        int[] out = Ptx.kernel("""
            .reg .b32 %x; .reg .b64 %w;
            mov.u32 %x, %tid.x;    st.global.u32 [%dst], %x;
            mov.u32 %x, %ntid.x;   st.global.u32 [%dst+4], %x;
            mov.u32 %x, %ctaid.x;  st.global.u32 [%dst+8], %x;
            mov.u32 %x, %nctaid.x; st.global.u32 [%dst+12], %x;
            mov.u32 %x, %laneid;   st.global.u32 [%dst+16], %x;
            mov.u32 %x, %warpid;   st.global.u32 [%dst+20], %x;
            mov.u32 %x, %nwarpid;  st.global.u32 [%dst+24], %x;
            mov.u32 %x, %lanemask_eq; st.global.u32 [%dst+28], %x;
            mov.u32 %x, %lanemask_lt; st.global.u32 [%dst+32], %x;
            mov.u32 %x, %lanemask_le; st.global.u32 [%dst+36], %x;
            mov.u32 %x, %lanemask_gt; st.global.u32 [%dst+40], %x;
            mov.u32 %x, %lanemask_ge; st.global.u32 [%dst+44], %x;
            mov.u32 %x, WARP_SZ;   st.global.u32 [%dst+48], %x;
            mov.u32 %x, %cluster_nctaid.x; st.global.u32 [%dst+52], %x;
            mov.u32 %x, %clusterid.x; st.global.u32 [%dst+56], %x;
            mov.u32 %x, %tid.y;    st.global.u32 [%dst+60], %x;
            """).launch(3, 80).run(new int[240], 16);
        for (int i = 0; i < 240; i++) {
            int thread = i % 80;
            int lane = thread % 32;
            int[] expected = {thread, 80, i / 80, 3, lane, thread / 32, 3, 1 << lane, (1 << lane) - 1, (int) ((2L << lane) - 1),
                (int) ~((2L << lane) - 1), -(1 << lane), 32, 1, i / 80, 0};
            for (int k = 0; k < 16; k++) {
                assertEquals(expected[k], out[16 * i + k], "thread " + i + ", value " + k);
            }
        }
    }

    @Test
    void clocksRun() {
        long[] out = Ptx.kernel("""
            .reg .b64 %a, %b; .reg .b32 %c, %d;
            mov.u64 %a, %clock64; mov.u64 %b, %clock64; sub.s64 %a, %b, %a; st.global.u64 [%dst], %a;
            mov.u64 %a, %globaltimer; mov.u64 %b, %globaltimer; sub.s64 %b, %b, %a; st.global.u64 [%dst+8], %b; st.global.u64 [%dst+16], %a;
            mov.u32 %c, %clock; mov.u32 %d, %clock_hi; mov.u32 %d, %globaltimer_lo; mov.u32 %d, %globaltimer_hi;
            """).launch(1, 1).run(new long[1], 3);
        assertTrue(out[0] >= 0 && out[1] >= 0 && out[2] > 0, out[0] + " " + out[1] + " " + out[2]);
    }

    @Test
    void printfGivesTheNumberOfItsCharacters() {
        int[] out = Ptx.kernel("""
            .local .align 8 .b8 depot[32];
            .reg .b64 %a, %f, %s; .reg .b32 %r; .reg .f64 %d;
            mov.u64 %a, depot; cvta.local.u64 %a, %a;
            st.u32 [%a], -5; mov.u64 %s, text; st.u64 [%a+8], %s; mov.f64 %d, 0d3FF8000000000000; st.f64 [%a+16], %d;
            st.u64 [%a+24], 1234567890123;
            mov.u64 %f, format;
            { .param .b64 p; .param .b64 q; .param .b32 r; st.param.b64 [p], %f; st.param.b64 [q], %a;
              call.uni (r), vprintf, (p, q); ld.param.b32 %r, [r]; }
            st.global.u32 [%dst], %r;
            """).declare(PRINT).launch(1, 1).run(new int[1], 1);
        assertEquals("-5 word 1.50 1234567890123 %\n".length(), out[0]);
    }

    @Test
    void aFailedAssertionSaysWhichAndPoisonsTheContextOnly() {
        String report = Ptx.kernel("""
            .reg .b64 %t; .reg .pred %p;
            setp.ne.u32 %p, %lane, 3; @%p exit;
            mov.u64 %t, text;
            { .param .b64 a; .param .b64 b; .param .b32 c; .param .b64 d; .param .b64 e;
              st.param.b64 [a], %t; st.param.b64 [b], %t; st.param.b32 [c], 77; st.param.b64 [d], %t; st.param.b64 [e], 1;
              call.uni __assertfail, (a, b, c, d, e); }
            """).declare(PRINT).fails(CUresult.CUDA_ERROR_ASSERT, new int[32], 1);
        assertTrue(report.contains("word:77") && report.contains("'word' failed") && report.contains("thread (3,0,0)"), report);
        assertEquals(1, Ptx.kernel("st.global.u32 [%dst], 1;").run(new int[32], 1)[0]);
    }

    @Test
    void trapStopsTheKernelAndNotTheProcess() {
        String report = Ptx.kernel(".reg .pred %p; setp.eq.u32 %p, %lane, 9; @%p trap;").fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[32], 1);
        assertTrue(report.contains("trap") && report.contains("thread (9,0,0)"), report);
        assertEquals(1, Ptx.kernel("st.global.u32 [%dst], 1;").run(new int[32], 1)[0]);
    }

    @Test
    void deviceCodeHasAHeap() {
        int[] out = Ptx.kernel("""
            .reg .b64 %p; .reg .b32 %x;
            { .param .b64 n; .param .b64 r; st.param.b64 [n], 64; call.uni (r), malloc, (n); ld.param.b64 %p, [r]; }
            st.u32 [%p+60], %lane; ld.u32 %x, [%p+60]; st.global.u32 [%dst], %x;
            { .param .b64 a; st.param.b64 [a], %p; call.uni free, (a); }
            """).declare(PRINT).run(new int[32], 1);
        for (int i = 0; i < 32; i++) {
            assertEquals(i, out[i]);
        }
        String report = Ptx.kernel("{ .param .b64 a; st.param.b64 [a], %in; call.uni free, (a); }").declare(PRINT)
            .fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[32], 1);
        assertTrue(report.contains("malloc did not give"), report);
    }

    @ParameterizedTest
    @CsvSource({"6.0, sm_70", "6.3, sm_75", "7.0, sm_80", "7.8, sm_89", "8.0, sm_90", "8.8, sm_90a", "9.0, sm_100", "9.0, 'sm_80, debug'"})
    void versionsFromSixToNine(String version, String target) {
        assertEquals(5, Ptx.kernel("st.global.u32 [%dst], 5;").version(version, target).run(new int[32], 1)[0]);
    }

    @ParameterizedTest
    @ValueSource(strings = {"tex.2d.v4.f32.f32 {%f, %f, %f, %f}, [t, {%f, %f}]", "add.f16.u32 %r, %r, %r", "add.wrong.u32 %r, %r, %r", "frobnicate.u32 %r, %r",
        "mov.u64 %r, %w", "add.u32 %r, %w, %r", "add.u32 %r, %r", "add.u32 %nothing, %r, %r", "ld.global.v3.u32 {%r, %r, %r}, [%in]",
        "bra NOWHERE", "setp.maybe.u32 %p, %r, %r", "cvt.f32.f64 %f, %w", "cvt.u32.f32 %r, %f", "shfl.idx.b32 %r, %r, 0, 31", "atom.global.add.f16 %h, [%in], %h",
        "mov.u32 %r, %nosuch", "call nobody", "cvt.rn.e4m3x2.f32 %h, %f, %f", "st.global.u32 [%r], %r", "ld.global.u32 %p, [%in]", "selp.b32 %r, %r, %r, %r",
        "wgmma.fence.sync.aligned", "min.ftz.f64 %w, %w, %w", "fma.f32 %f, %f, %f", "bar.red.sum.u32 %r, 0, %p", "vote.ballot.b32 %r, %p"})
    void whatIsUnknownIsRefusedWithItsLine(String instruction) {
        String report = Ptx.kernel(".reg .b32 %r; .reg .f32 %f; .reg .b64 %w; .reg .pred %p; .reg .b16 %h;\n" + instruction + ";").isRefused();
        assertTrue(report.startsWith("PTX line 22: "), instruction + " gave: " + report);
        assertFalse(report.length() < 25, report);
    }
}
