package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.talweg.cuda.SoftwareDriver;

/** Branches, loops, tables, calls of every sort, and what the scheduler owes to threads that wait for each other. */
class ControlFlowTest {
    private static final long[] SEEDS = {0, 1, 2, 3, 4, 5};

    @AfterEach
    void inOrder() {
        SoftwareDriver.scheduleSeed(0);
    }

    interface Expected {
        int of(int lane);
    }

    private static void check(Ptx kernel, Expected expected) {
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = kernel.run(new int[64], 1);
            for (int i = 0; i < out.length; i++) {
                assertEquals(expected.of(i), out[i], "thread " + i + ", seed " + seed);
            }
        }
    }

    @Test
    void loopsOfDifferentLengths() {
        check(Ptx.kernel("""
            .reg .b32 %n, %s; .reg .pred %p;
            mov.b32 %n, 0; mov.b32 %s, 0;
            LOOP:
            setp.gt.u32 %p, %n, %lane;
            @%p bra END;
            add.u32 %s, %s, %n;
            add.u32 %n, %n, 1;
            bra LOOP;
            END: st.global.u32 [%dst], %s;
            """), lane -> lane * (lane + 1) / 2);
    }

    @Test
    void nestedDivergenceWithBreakAndContinue() {
        check(Ptx.kernel("""
            .reg .b32 %i, %j, %s, %x; .reg .pred %p;
            mov.b32 %s, 0; mov.b32 %i, 0;
            OUTER:
            setp.ge.u32 %p, %i, 8; @%p bra END;
            add.u32 %i, %i, 1;
            xor.b32 %x, %i, %lane; and.b32 %x, %x, 3; setp.eq.u32 %p, %x, 0; @%p bra OUTER;
            mov.b32 %j, 0;
            INNER:
            setp.gt.u32 %p, %j, %lane; @%p bra OUTER;
            setp.gt.u32 %p, %j, %i; @%p bra OUTER;
            add.u32 %s, %s, %j;
            add.u32 %j, %j, 1;
            bra INNER;
            END: st.global.u32 [%dst], %s;
            """), lane -> {
            int s = 0;
            for (int i = 1; i <= 8; i++) {
                if (((i ^ lane) & 3) == 0) {
                    continue;
                }
                for (int j = 0; j <= lane && j <= i; j++) {
                    s += j;
                }
            }
            return s;
        });
    }

    @Test
    void switchesThroughATable() {
        check(Ptx.kernel("""
            .reg .b32 %x, %r;
            rem.u32 %x, %lane, 4;
            CASES: .branchtargets ZERO, ONE, TWO, ONE;
            brx.idx %x, CASES;
            ZERO: mov.b32 %r, 10; bra DONE;
            ONE:  mov.b32 %r, 20; bra DONE;
            TWO:  mov.b32 %r, 30;
            DONE: st.global.u32 [%dst], %r;
            """), lane -> new int[] {10, 20, 30, 20}[lane % 4]);
        String report = Ptx.kernel("""
            CASES: .branchtargets ZERO, ZERO;
            brx.idx %lane, CASES;
            ZERO: add.u32 %lane, %lane, 1;
            """).fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[32], 1);
        assertTrue(report.contains("outside its table"), report);
    }

    private static final String FUNCTIONS = """
        .func (.param .b32 r) twice(.param .b32 x)
        { .reg .b32 %a; ld.param.b32 %a, [x]; shl.b32 %a, %a, 1; st.param.b32 [r], %a; ret; }
        .func (.param .b32 r) square(.param .b32 x)
        { .reg .b32 %a; ld.param.b32 %a, [x]; mul.lo.u32 %a, %a, %a; st.param.b32 [r], %a; ret; }
        .func (.param .b32 r) fibonacci(.param .b32 n)
        {
          .reg .b32 %n, %a, %b; .reg .pred %p;
          ld.param.b32 %n, [n];
          setp.lt.u32 %p, %n, 2;
          @%p st.param.b32 [r], %n;
          @%p ret;
          sub.u32 %n, %n, 1;
          { .param .b32 p; .param .b32 q; st.param.b32 [p], %n; call.uni (q), fibonacci, (p); ld.param.b32 %a, [q]; }
          sub.u32 %n, %n, 1;
          { .param .b32 p; .param .b32 q; st.param.b32 [p], %n; call.uni (q), fibonacci, (p); ld.param.b32 %b, [q]; }
          add.u32 %a, %a, %b;
          st.param.b32 [r], %a;
          ret;
        }
        .func (.param .align 8 .b8 r[24]) rotate(.param .align 8 .b8 x[24])
        {
          .reg .b64 %a, %b; .reg .b32 %c, %d;
          ld.param.b64 %a, [x]; ld.param.b64 %b, [x+8]; ld.param.v2.b32 {%c, %d}, [x+16];
          st.param.b64 [r+8], %a; st.param.b64 [r], %b; st.param.v2.b32 [r+16], {%d, %c};
          ret;
        }
        .global .align 8 .u64 table[2] = {twice, square};
        """;

    @Test
    void directCalls() {
        check(Ptx.kernel("""
            .reg .b32 %a;
            { .param .b32 p; .param .b32 q; st.param.b32 [p], %lane; call.uni (q), twice, (p); ld.param.b32 %a, [q]; }
            { .param .b32 p; .param .b32 q; st.param.b32 [p], %a; call (q), square, (p); ld.param.b32 %a, [q]; }
            st.global.u32 [%dst], %a;
            """).declare(FUNCTIONS), lane -> 4 * lane * lane);
    }

    @Test
    void predicatedCallsInDivergedCode() {
        check(Ptx.kernel("""
            .reg .b32 %a, %x; .reg .pred %p;
            and.b32 %x, %lane, 1; setp.eq.u32 %p, %x, 1;
            mov.b32 %a, 1000;
            { .param .b32 p; .param .b32 q; st.param.b32 [p], %lane; @%p call (q), square, (p); @%p ld.param.b32 %a, [q]; }
            st.global.u32 [%dst], %a;
            """).declare(FUNCTIONS), lane -> lane % 2 == 1 ? lane * lane : 1000);
    }

    @Test
    void recursionToADepthOfItsOwnInEachLane() {
        int[] fibonacci = new int[32];
        for (int i = 0; i < 32; i++) {
            fibonacci[i] = i < 2 ? i : fibonacci[i - 1] + fibonacci[i - 2];
        }
        check(Ptx.kernel("""
            .reg .b32 %a, %x;
            and.b32 %x, %lane, 7;
            { .param .b32 p; .param .b32 q; st.param.b32 [p], %x; call.uni (q), fibonacci, (p); ld.param.b32 %a, [q]; }
            st.global.u32 [%dst], %a;
            """).declare(FUNCTIONS), lane -> fibonacci[lane % 8]);
    }

    @Test
    void indirectCallsThroughATableEachLaneItsOwn() {
        check(Ptx.kernel("""
            .reg .b32 %a, %x; .reg .b64 %f, %t;
            and.b32 %x, %lane, 1;
            mov.u64 %t, table; mad.wide.u32 %t, %x, 8, %t; ld.global.u64 %f, [%t];
            { .param .b32 p; .param .b32 q; st.param.b32 [p], %lane;
              prototype: .callprototype (.param .b32 _) _ (.param .b32 _);
              call (q), %f, (p), prototype; ld.param.b32 %a, [q]; }
            st.global.u32 [%dst], %a;
            """).declare(FUNCTIONS), lane -> lane % 2 == 1 ? lane * lane : 2 * lane);
        String report = Ptx.kernel("""
            .reg .b32 %a; .reg .b64 %f;
            mov.u64 %f, 4096;
            { .param .b32 p; .param .b32 q; st.param.b32 [p], %lane;
              prototype: .callprototype (.param .b32 _) _ (.param .b32 _);
              call (q), %f, (p), prototype; }
            """).declare(FUNCTIONS).fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[32], 1);
        assertTrue(report.contains("pointer to no such function"), report);
    }

    @Test
    void structuresGoByValue() {
        check(Ptx.kernel("""
            .reg .b32 %a, %b; .reg .b64 %x, %y;
            cvt.u64.u32 %x, %lane;
            { .param .align 8 .b8 p[24]; .param .align 8 .b8 q[24];
              st.param.b64 [p], %x; st.param.b64 [p+8], 7; st.param.b32 [p+16], %lane; st.param.b32 [p+20], 5;
              call.uni (q), rotate, (p);
              ld.param.b64 %x, [q]; ld.param.b64 %y, [q+8]; ld.param.v2.b32 {%a, %b}, [q+16]; }
            mad.lo.u64 %x, %x, 100000, %y; cvt.u32.u64 %lane, %x;
            mad.lo.u32 %a, %a, 1000, %b; add.u32 %a, %a, %lane;
            st.global.u32 [%dst], %a;
            """).declare(FUNCTIONS), lane -> 700000 + lane + 5000 + lane);
    }

    @Test
    void endlessRecursionIsReported() {
        String report = Ptx.kernel("call down;").declare(".func down;\n.func down { .reg .b32 %x; call down; ret; }")
            .fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[32], 1);
        assertTrue(report.contains("stack overflow"), report);
    }

    @Test
    void localArraysBelongToTheirThreadAndActivation() {
        check(Ptx.kernel("""
            .local .align 4 .b8 depot[128];
            .reg .b64 %base, %at; .reg .b32 %i, %x, %s; .reg .pred %p;
            mov.u64 %base, depot; cvta.local.u64 %base, %base;
            mov.b32 %i, 0;
            FILL:
            mad.wide.u32 %at, %i, 4, %base;
            mad.lo.u32 %x, %i, %lane, 3;
            st.u32 [%at], %x;
            add.u32 %i, %i, 1; setp.lt.u32 %p, %i, 32; @%p bra FILL;
            mad.wide.u32 %at, %lane, 4, %base;
            ld.u32 %s, [%at];
            cvta.to.local.u64 %at, %at;
            ld.local.u32 %x, [%at];
            add.u32 %s, %s, %x;
            st.global.u32 [%dst], %s;
            """), lane -> 2 * (lane * lane + 3));
    }

    @Test
    void aProducerAndAConsumerInOneWarp() {
        // The consumers spin on what another lane of their own warp has yet to store: a stack of masks would hang.
        check(Ptx.kernel("""
            .shared .align 4 .u32 flag;
            .reg .b32 %x; .reg .pred %p;
            mov.b32 %x, 0;
            st.volatile.shared.u32 [flag], %x;
            bar.warp.sync 0xffffffff;
            setp.eq.u32 %p, %lane, 7;
            @%p bra PRODUCE;
            SPIN:
            ld.volatile.shared.u32 %x, [flag];
            setp.eq.u32 %p, %x, 0;
            @%p bra SPIN;
            bra DONE;
            PRODUCE:
            mov.b32 %x, 42;
            st.volatile.shared.u32 [flag], %x;
            DONE: st.global.u32 [%dst], %x;
            """), lane -> 42);
    }

    @Test
    void aLockHeldInTurnByAllLanes() {
        check(Ptx.kernel("""
            .shared .align 4 .u32 lock;
            .shared .align 4 .u32 count;
            .reg .b32 %x, %old; .reg .pred %p;
            mov.b32 %x, 0; st.shared.u32 [lock], %x; st.shared.u32 [count], %x;
            bar.sync 0;
            TAKE:
            atom.shared.cas.b32 %old, [lock], 0, 1;
            setp.ne.u32 %p, %old, 0;
            @%p bra TAKE;
            ld.volatile.shared.u32 %x, [count]; add.u32 %x, %x, 1; st.volatile.shared.u32 [count], %x;
            membar.cta;
            atom.shared.exch.b32 %old, [lock], 0;
            bar.sync 0;
            ld.shared.u32 %x, [count];
            st.global.u32 [%dst], %x;
            """).launch(1, 64), lane -> 64);
    }

    @Test
    void blocksWaitForEachOther() {
        // Each block waits for its successor: with fewer CPU threads than blocks someone must give way.
        check(Ptx.kernel("""
            .reg .b32 %x, %n, %c; .reg .b64 %at; .reg .pred %p;
            mov.u32 %c, %ctaid.x; mov.u32 %n, %nctaid.x;
            setp.ne.u32 %p, %lane, 0; @%p exit;
            add.u32 %x, %c, 1; setp.eq.u32 %p, %x, %n; @%p bra LAST;
            mad.wide.u32 %at, %x, 4, flags;
            SPIN: ld.acquire.gpu.global.u32 %x, [%at];
            setp.eq.u32 %p, %x, 0; @%p bra SPIN;
            LAST:
            add.u32 %x, %c, 1;
            st.global.u32 [%dst], %x;
            mad.wide.u32 %at, %c, 4, flags;
            st.release.gpu.global.u32 [%at], %x;
            """).declare(".global .align 4 .u32 flags[64];").launch(64, 1), block -> block + 1);
    }

    @Test
    void aLoopThatRunsManyTimesDoesNotStarveItsNeighbours() {
        check(Ptx.kernel("""
            .reg .b32 %n; .reg .pred %p;
            mul.lo.u32 %n, %lane, 1000;
            setp.eq.u32 %p, %n, 0; @%p bra END;
            LOOP: sub.u32 %n, %n, 1; setp.ne.u32 %p, %n, 0; @%p bra LOOP;
            END: st.global.u32 [%dst], %lane;
            """), lane -> lane);
    }
}
