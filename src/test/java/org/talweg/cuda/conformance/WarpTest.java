package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;

/** Operations among the lanes of a warp, converged, diverged and under adversarial schedules. */
class WarpTest {
    private static final long[] SEEDS = {0, 1, 2, 3, 4, 5, 6, 7};

    @AfterEach
    void inOrder() {
        SoftwareDriver.scheduleSeed(0);
    }

    private static int[] random(int count, long seed) {
        return new SplittableRandom(seed).ints(count).toArray();
    }

    @ParameterizedTest
    @ValueSource(strings = {"up", "down", "bfly", "idx"})
    void shflInAllModesAndWidths(String mode) {
        int[] in = random(32, 1);
        for (int width = 1; width <= 32; width *= 2) {
            for (int b = 0; b < 32; b += b < 4 ? 1 : 5) {
                int segment = (32 - width) << 8;
                int c = mode.equals("up") ? segment : segment | 31;
                int[] out = Ptx.kernel("""
                    .reg .b32 %%a, %%d, %%x; .reg .pred %%p;
                    ld.global.b32 %%a, [%%src];
                    shfl.sync.%s.b32 %%d|%%p, %%a, %d, %d, 0xffffffff;
                    selp.b32 %%x, 1, 0, %%p;
                    st.global.v2.b32 [%%dst], {%%d, %%x};
                    """.formatted(mode, b, c)).run(in, 2);
                for (int lane = 0; lane < 32; lane++) {
                    int first = lane / width * width;
                    int last = first + width - 1;
                    int from = switch (mode) {
                        case "up" -> lane - b;
                        case "down" -> lane + b;
                        case "bfly" -> lane ^ b;
                        default -> first + b % width;
                    };
                    boolean inside = mode.equals("up") ? from >= first : from <= last;
                    assertEquals(in[inside ? from : lane], out[2 * lane], mode + " " + b + " width " + width + " lane " + lane);
                    assertEquals(inside ? 1 : 0, out[2 * lane + 1]);
                }
            }
        }
    }

    @Test
    void votes() {
        for (int pattern : new int[] {0, -1, 0x0f0f1234}) {
            int[] out = Ptx.kernel("""
                .reg .b32 %%x, %%y, %%v; .reg .pred %%p, %%q;
                shr.u32 %%x, %d, %%lane; and.b32 %%x, %%x, 1; setp.ne.u32 %%p, %%x, 0;
                vote.sync.ballot.b32 %%v, %%p, 0xffffffff; st.global.b32 [%%dst], %%v;
                vote.sync.ballot.b32 %%v, !%%p, 0xffffffff; st.global.b32 [%%dst+4], %%v;
                vote.sync.all.pred %%q, %%p, 0xffffffff; selp.b32 %%x, 1, 0, %%q;
                vote.sync.any.pred %%q, %%p, 0xffffffff; selp.b32 %%y, 2, 0, %%q; or.b32 %%x, %%x, %%y;
                vote.sync.uni.pred %%q, %%p, 0xffffffff; selp.b32 %%y, 4, 0, %%q; or.b32 %%x, %%x, %%y;
                vote.sync.all.pred %%q, !%%p, 0xffffffff; selp.b32 %%y, 8, 0, %%q; or.b32 %%x, %%x, %%y;
                st.global.b32 [%%dst+8], %%x;
                """.formatted(pattern)).run(new int[32], 3);
            int expected = (pattern == -1 ? 1 : 0) | (pattern != 0 ? 2 : 0) | (pattern == 0 || pattern == -1 ? 4 : 0) | (pattern == 0 ? 8 : 0);
            for (int lane = 0; lane < 32; lane++) {
                assertEquals(pattern, out[3 * lane]);
                assertEquals(~pattern, out[3 * lane + 1]);
                assertEquals(expected, out[3 * lane + 2]);
            }
        }
    }

    @Test
    void matchFindsEqualValues() {
        SplittableRandom random = new SplittableRandom(5);
        long[] in = new long[32];
        for (int i = 0; i < 32; i++) {
            in[i] = random.nextInt(4) | (long) random.nextInt(2) << 40;
        }
        long[] out = Ptx.kernel("""
            .reg .b64 %w; .reg .b32 %a, %d, %e; .reg .pred %p, %q;
            ld.global.b64 %w, [%src]; cvt.u32.u64 %a, %w;
            match.any.sync.b32 %d, %a, 0xffffffff; match.any.sync.b64 %e, %w, 0xffffffff;
            st.global.v2.b32 [%dst], {%d, %e};
            match.all.sync.b32 %d|%p, %a, 0xffffffff; selp.b32 %e, 1, 0, %p; st.global.v2.b32 [%dst+8], {%d, %e};
            mov.b32 %a, 7;
            match.all.sync.b32 %d|%p, %a, 0xffffffff; selp.b32 %e, 1, 0, %p; st.global.v2.b32 [%dst+16], {%d, %e};
            match.all.sync.b64 %d|%p, %w, 0xffffffff; selp.b32 %e, 1, 0, %p; st.global.v2.b32 [%dst+24], {%d, %e};
            """).run(in, 4);
        for (int lane = 0; lane < 32; lane++) {
            int narrow = 0;
            int wide = 0;
            for (int other = 0; other < 32; other++) {
                narrow |= (int) in[other] == (int) in[lane] ? 1 << other : 0;
                wide |= in[other] == in[lane] ? 1 << other : 0;
            }
            assertEquals(narrow & 0xffffffffL | (long) wide << 32, out[4 * lane]);
            assertEquals(0, out[4 * lane + 1]);
            assertEquals(0xffffffffL | 1L << 32, out[4 * lane + 2]);
            assertEquals(0, out[4 * lane + 3]);
        }
    }

    @Test
    void reduxFolds() {
        int[] in = random(32, 6);
        int[] out = Ptx.kernel("""
            .reg .b32 %a, %d<10>;
            ld.global.b32 %a, [%src];
            redux.sync.add.s32 %d0, %a, 0xffffffff; redux.sync.min.s32 %d1, %a, 0xffffffff;
            redux.sync.max.s32 %d2, %a, 0xffffffff; redux.sync.min.u32 %d3, %a, 0xffffffff;
            redux.sync.max.u32 %d4, %a, 0xffffffff; redux.sync.and.b32 %d5, %a, 0xffffffff;
            redux.sync.or.b32 %d6, %a, 0xffffffff;  redux.sync.xor.b32 %d7, %a, 0xffffffff;
            st.global.v4.b32 [%dst], {%d0, %d1, %d2, %d3}; st.global.v4.b32 [%dst+16], {%d4, %d5, %d6, %d7};
            """).run(in, 8);
        int[] expected = {Arrays.stream(in).sum(), Arrays.stream(in).min().getAsInt(), Arrays.stream(in).max().getAsInt(),
            Arrays.stream(in).reduce((x, y) -> Integer.compareUnsigned(x, y) < 0 ? x : y).getAsInt(),
            Arrays.stream(in).reduce((x, y) -> Integer.compareUnsigned(x, y) > 0 ? x : y).getAsInt(),
            Arrays.stream(in).reduce((x, y) -> x & y).getAsInt(), Arrays.stream(in).reduce((x, y) -> x | y).getAsInt(),
            Arrays.stream(in).reduce((x, y) -> x ^ y).getAsInt()};
        for (int lane = 0; lane < 32; lane++) {
            assertEquals(Arrays.toString(expected), Arrays.toString(Arrays.copyOfRange(out, 8 * lane, 8 * lane + 8)));
        }
    }

    @Test
    void halvesOfAWarpReduceEachOnItsOwn() {
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel("""
                .reg .b32 %a, %mask, %d; .reg .pred %p, %q;
                add.u32 %a, %lane, 1;
                setp.lt.u32 %p, %lane, 20;
                selp.b32 %mask, 0xfffff, 0xfff00000, %p;
                @%p bra LOW;
                add.u32 %a, %a, 100;
                redux.sync.add.s32 %d, %a, %mask;
                bra DONE;
                LOW:
                redux.sync.add.s32 %d, %a, %mask;
                DONE:
                st.global.b32 [%dst], %d;
                elect.sync %d|%q, %mask;
                st.global.b32 [%dst+4], %d;
                """).run(new int[32], 2);
            for (int lane = 0; lane < 32; lane++) {
                assertEquals(lane < 20 ? 210 : 12 * 100 + 528 - 210, out[2 * lane], "seed " + seed);
                assertEquals(lane < 20 ? 0 : 20, out[2 * lane + 1]);
            }
        }
    }

    @Test
    void activemaskOfADivergedWarp() {
        int[] out = Ptx.kernel("""
            .reg .b32 %m; .reg .pred %p;
            setp.lt.u32 %p, %lane, 5;
            @%p bra LOW;
            activemask.b32 %m;
            bra DONE;
            LOW: activemask.b32 %m;
            DONE: st.global.b32 [%dst], %m;
            """).run(new int[32], 1);
        assertEquals(0x1f, out[0]);
        assertEquals(~0x1f, out[31]);
    }

    @Test
    void lanesMeetAtDifferentInstructionsOfTheSameKind() {
        // Volta and later: the same shfl may be reached in different places, as long as kind and mask agree.
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel("""
                .reg .b32 %d; .reg .pred %p;
                setp.lt.u32 %p, %lane, 16;
                @%p bra LOW;
                shfl.sync.bfly.b32 %d, %lane, 16, 31, 0xffffffff;
                bra DONE;
                LOW: shfl.sync.bfly.b32 %d, %lane, 16, 31, 0xffffffff;
                DONE: st.global.b32 [%dst], %d;
                """).run(new int[32], 1);
            for (int lane = 0; lane < 32; lane++) {
                assertEquals(lane ^ 16, out[lane], "seed " + seed);
            }
        }
    }

    @Test
    void anExitedLaneIsNotWaitedFor() {
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel("""
                .reg .b32 %d; .reg .pred %p;
                setp.ge.u32 %p, %lane, 30;
                @%p exit;
                bar.warp.sync 0xffffffff;
                activemask.b32 %d;
                vote.sync.ballot.b32 %d, 1, 0xffffffff;
                st.global.b32 [%dst], %d;
                """).run(new int[32], 1);
            assertEquals(0x3fffffff, out[0], "seed " + seed);
            assertEquals(0, out[31]);
        }
    }

    @Test
    void aSyncThatCannotCompleteIsReportedWithBothPlaces() {
        String report = Ptx.kernel("""
            .reg .b32 %d; .reg .pred %p;
            setp.lt.u32 %p, %lane, 16;
            @%p bra LOW;
            bar.sync 0;
            bra DONE;
            LOW: bar.warp.sync 0xffffffff;
            DONE: st.global.b32 [%dst], %d;
            """).fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[32], 1);
        assertTrue(report.contains("divergent warp sync"), report);
        assertTrue(report.matches("(?s).*PTX line \\d+.*waits at PTX line \\d+.*"), report);
    }

    @Test
    void aLaneThatItsMaskLeavesOutIsReported() {
        String report = Ptx.kernel("bar.warp.sync 0x7fffffff;").fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[32], 1);
        assertTrue(report.contains("leaves it out"), report);
        assertTrue(report.contains("thread (31,0,0)"), report);
    }

    @Test
    void aReductionOverTheBlockIsTheSameUnderEverySchedule() {
        int[] in = random(256, 9);
        for (long seed : SEEDS) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel("""
                .shared .align 4 .b8 partial[128];
                .reg .b32 %a, %d, %at, %base, %n; .reg .pred %p;
                ld.global.b32 %a, [%src];
                mov.b32 %n, 16;
                STEP:
                shfl.sync.down.b32 %d, %a, %n, 31, 0xffffffff;
                add.u32 %a, %a, %d;
                shr.u32 %n, %n, 1;
                setp.ne.u32 %p, %n, 0;
                @%p bra STEP;
                mov.u32 %base, partial;
                shr.u32 %at, %id, 5; shl.b32 %at, %at, 2; add.u32 %at, %at, %base;
                setp.eq.u32 %p, %lane, 0;
                @%p st.shared.u32 [%at], %a;
                bar.sync 0;
                setp.lt.u32 %p, %id, 8;
                @!%p exit;
                shl.b32 %at, %lane, 2; add.u32 %at, %at, %base;
                ld.shared.u32 %a, [%at];
                shfl.sync.down.b32 %d, %a, 4, 31, 0xff; add.u32 %a, %a, %d;
                shfl.sync.down.b32 %d, %a, 2, 31, 0xff; add.u32 %a, %a, %d;
                shfl.sync.down.b32 %d, %a, 1, 31, 0xff; add.u32 %a, %a, %d;
                setp.eq.u32 %p, %id, 0;
                @%p st.global.b32 [%dst], %a;
                """).launch(1, 256).run(in, 1);
            assertEquals(Arrays.stream(in).sum(), out[0], "seed " + seed);
        }
    }
}
