package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.stream.IntStream;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.testing.SoftwareDevice;

/** cp.async.bulk, cp.reduce.async.bulk, st.async, red.async, and the bytes that an mbarrier counts. */
class BulkCopyTest {
    private static final String SYNC = ClusterTest.SYNC;
    /** 64 words of tile and an mbarrier for one arrival; {@code %first} is the block's first thread. */
    private static final String TILE = """
        .shared .align 16 .b32 tile[64];
        .shared .align 8 .b64 barrier;
        .reg .b32 %tile, %bar, %at, %x<4>, %t, %peer, %rank, %far, %farbar; .reg .b64 %w<4>; .reg .pred %p, %first;
        mov.u32 %t, %tid.x;
        mov.u32 %rank, %cluster_ctarank;
        xor.b32 %peer, %rank, 1;
        mov.u32 %tile, tile;
        mov.u32 %bar, barrier;
        mad.lo.u32 %at, %t, 4, %tile;
        setp.eq.u32 %first, %t, 0;
        @%first mbarrier.init.shared::cta.b64 [%bar], 1;
        fence.mbarrier_init.release.cluster;
        """;
    private static final String EXPECT = """
        @%first mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%bar], 128;
        """;
    private static final String COPY_IN = """
        @%first cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%tile], [%in], 128, [%bar];
        """;
    private static final String WAIT = """
        WAIT:
        mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p, [%bar], 0;
        @!%p bra WAIT;
        """;
    private static final String LOAD = "ld.shared.u32 %x0, [%at]; st.global.u32 [%dst], %x0;\n";
    private static final String BULK_OUT = "cp.async.bulk.commit_group; cp.async.bulk.wait_group 0;\n";
    /** Each thread's word of the tile is its own input. */
    private static final String FILL = """
        ld.global.u32 %x0, [%src]; st.shared.u32 [%at], %x0; fence.proxy.async.shared::cta; bar.sync 0;
        """;

    @AfterEach
    void naturalOrder() {
        SoftwareDriver.scheduleSeed(0);
    }

    private static int[] numbers(int count) {
        return IntStream.rangeClosed(1, count).toArray();
    }

    @ParameterizedTest
    @CsvSource({"shared::cluster, 0", "shared::cta, 0", "shared::cluster, 1", "shared::cluster, 2", "shared::cluster, 3"})
    void intoSharedMemory(String space, long seed) {
        SoftwareDriver.scheduleSeed(seed);
        String copy = COPY_IN.replace("shared::cluster", space);
        int[] out = Ptx.kernel(TILE + "bar.sync 0;" + copy + EXPECT + WAIT + LOAD).run(numbers(32), 1);
        assertArrayEquals(numbers(32), out);
    }

    @Test
    void theBytesAreNotThereBeforeSomebodyLooksAtTheBarrier() {
        int[] out = SoftwareDevice.without(Check.RACES, () -> Ptx.kernel(TILE + "st.shared.u32 [%at], %t; bar.sync 0;"
            + COPY_IN + EXPECT + LOAD + WAIT + "ld.shared.u32 %x0, [%at]; st.global.u32 [%dst+4], %x0;").run(numbers(32), 2));
        for (int i = 0; i < 32; i++) {
            assertEquals(i, out[2 * i]);
            assertEquals(i + 1, out[2 * i + 1]);
        }
    }

    /** The phase ends when both the arrivals and the bytes are complete, in whatever order they come. */
    @Test
    void bytesAndArrivals() {
        int[] out = Ptx.kernel(TILE + """
            @!%first bra END;
            mbarrier.test_wait.parity.shared::cta.b64 %p, [%bar], 0; selp.u32 %x0, 1, 0, %p; st.global.u32 [%dst], %x0;
            mbarrier.complete_tx.relaxed.cluster.shared::cta.b64 [%bar], 48;
            mbarrier.arrive.shared::cta.b64 %w0, [%bar];
            mbarrier.test_wait.shared::cta.b64 %p, [%bar], %w0; selp.u32 %x0, 1, 0, %p; st.global.u32 [%dst+4], %x0;
            mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%bar], 48;
            mbarrier.test_wait.shared::cta.b64 %p, [%bar], %w0; selp.u32 %x0, 1, 0, %p; st.global.u32 [%dst+8], %x0;
            mbarrier.arrive.expect_tx.shared::cta.b64 %w1, [%bar], 16;
            mbarrier.test_wait.shared::cta.b64 %p, [%bar], %w1; selp.u32 %x0, 1, 0, %p; st.global.u32 [%dst+12], %x0;
            mbarrier.complete_tx.shared::cta.b64 [%bar], 16;
            mbarrier.test_wait.shared::cta.b64 %p, [%bar], %w1; selp.u32 %x0, 1, 0, %p; st.global.u32 [%dst+16], %x0;
            mbarrier.inval.shared::cta.b64 [%bar];
            END:
            """).run(numbers(32), 5);
        assertArrayEquals(new int[] {0, 0, 1, 0, 1}, Arrays.copyOf(out, 5));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void outOfSharedMemory(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel(TILE + FILL + """
            @!%first bra END;
            cp.async.bulk.global.shared::cta.bulk_group [%out], [%tile], 128;
            """ + BULK_OUT + "END:").run(numbers(32), 1);
        assertArrayEquals(numbers(32), out);
    }

    /** wait_group.read lets the source be overwritten; what it copies is still what was there. */
    @Test
    void outOfSharedMemoryThatIsUsedAgain() {
        int[] out = Ptx.kernel(TILE + FILL + """
            @!%first bra END;
            cp.async.bulk.global.shared::cta.bulk_group [%out], [%tile], 64;
            cp.async.bulk.commit_group;
            cp.async.bulk.global.shared::cta.bulk_group [%out+64], [%tile+64], 64;
            cp.async.bulk.commit_group;
            cp.async.bulk.wait_group.read 1;
            mov.u32 %x0, 99;
            st.shared.u32 [%tile], %x0;
            cp.async.bulk.wait_group.read 0;
            st.shared.u32 [%tile+64], %x0;
            END:
            """).run(numbers(32), 1);
        assertArrayEquals(numbers(32), out);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void betweenBlocksOfACluster(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel(TILE + FILL + SYNC + """
            add.u32 %x1, %tile, 128;
            mapa.shared::cluster.u32 %far, %x1, %peer;
            mapa.shared::cluster.u32 %farbar, %bar, %peer;
            """ + EXPECT + """
            @%first cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%far], [%tile], 128, [%farbar];
            """ + WAIT + "ld.shared.u32 %x0, [%at+128]; st.global.u32 [%dst], %x0;" + SYNC)
            .clusters(2).launch(2, 32).run(numbers(64), 1);
        for (int i = 0; i < 64; i++) {
            assertEquals((i ^ 32) + 1, out[i]);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void toSeveralBlocksAtOnce(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel(TILE + EXPECT + SYNC + """
            setp.eq.and.u32 %p, %rank, 2, %first;
            @%p cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster
                [%tile], [%in], 128, [%bar], 15;
            """ + WAIT + LOAD + SYNC).clusters(4).launch(4, 32).run(numbers(128), 1);
        for (int i = 0; i < 128; i++) {
            assertEquals(i % 32 + 1, out[i]);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void asynchronousStores(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel(TILE + """
            @%first mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%bar], 64;
            """ + SYNC + """
            mapa.shared::cluster.u32 %far, %tile, %peer;
            mapa.shared::cluster.u32 %farbar, %bar, %peer;
            @!%first bra WAIT;
            add.u32 %x0, %rank, 10; add.u32 %x1, %rank, 20; add.u32 %x2, %rank, 30; add.u32 %x3, %rank, 40;
            mov.b64 %w0, {%x0, %x1}; mov.b64 %w1, {%x2, %x3};
            st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32 [%far], %x0, [%farbar];
            st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%far+4], %x1, [%farbar];
            st.async.shared::cluster.mbarrier::complete_tx::bytes.b64 [%far+8], %w1, [%farbar];
            st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%far+16], {%x0, %x1, %x2, %x3}, [%farbar];
            st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.b64 [%far+32], {%w0, %w1}, [%farbar];
            st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.b32 [%far+48], {%x0, %x1}, [%farbar];
            st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 [%far+56], {%x2, %x3}, [%farbar];
            """ + WAIT + "setp.ge.u32 %p, %t, 16; @%p bra END;" + LOAD + "END:" + SYNC)
            .clusters(2).launch(2, 32).run(numbers(64), 1);
        for (int i = 0; i < 64; i++) {
            assertEquals(i % 32 < 16 ? 10 * (i % 4 + 1) + (i < 32 ? 1 : 0) : 0, out[i]);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void asynchronousReductions(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel(TILE + """
            @%first mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%bar], 1024;
            mov.u32 %x0, 0; st.shared.u32 [%at], %x0;
            """ + SYNC + """
            mapa.shared::cluster.u32 %far, %tile, %peer;
            mapa.shared::cluster.u32 %farbar, %bar, %peer;
            red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%far], %t, [%farbar];
            red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.max.s32 [%far+4], %t, [%farbar];
            red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.inc.u32 [%far+8], 6, [%farbar];
            red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.or.b32 [%far+12], %t, [%farbar];
            cvt.u64.u32 %w0, %t; shl.b64 %w0, %w0, 32;
            red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u64 [%far+16], %w0, [%farbar];
            red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.min.u32 [%far+24], %t, [%farbar];
            red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.xor.b32 [%far+28], %t, [%farbar];
            """ + WAIT + LOAD + SYNC).clusters(2).launch(2, 32).run(numbers(64), 1);
        int[] expected = {496, 31, 32 % 7, 31, 0, 496, 0, 0};
        assertArrayEquals(expected, Arrays.copyOf(out, 8));
        assertArrayEquals(expected, Arrays.copyOfRange(out, 32, 40));
    }

    @ParameterizedTest
    @CsvSource({
        "add.u32, 5, 7, 12", "add.s32, -5, 7, 2", "add.f32, 0x3f800000, 0x40000000, 0x40400000", "min.s32, -5, 7, -5",
        "max.u32, -5, 7, -5", "and.b32, 12, 10, 8", "or.b32, 12, 10, 14", "xor.b32, 12, 10, 6", "inc.u32, 5, 5, 0",
        "dec.u32, 0, 9, 9", "add.noftz.f16, 0x3c004000, 0x3c003c00, 0x40004200", "min.f16, 0x3c00c000, 0x4000bc00, 0x3c00c000",
        "max.bf16, 0x3f80c000, 0x4000bf80, 0x4000bf80"})
    void reductionsIntoGlobalMemory(String operation, String memory, String operand, String expected) {
        int there = Integer.decode(memory);
        int value = Integer.decode(operand);
        int[] in = new int[32];
        Arrays.fill(in, value);
        int[] out = Ptx.kernel(TILE + FILL + "mov.u32 %x1, " + there + "; st.global.u32 [%dst], %x1; fence.proxy.async;"
            + " bar.sync 0; @!%first bra END;"
            + " cp.reduce.async.bulk.global.shared::cta.bulk_group." + operation + " [%out], [%tile], 128;" + BULK_OUT + "END:")
            .run(in, 1);
        for (int word : out) {
            assertEquals(Integer.toHexString(Integer.decode(expected)), Integer.toHexString(word));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void reductionsIntoAnotherBlock(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel(TILE + FILL + "st.shared.u32 [%at+128], %id;" + EXPECT + SYNC + """
            add.u32 %x1, %tile, 128;
            mapa.shared::cluster.u32 %far, %x1, %peer;
            mapa.shared::cluster.u32 %farbar, %bar, %peer;
            @%first cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.add.u32
                [%far], [%tile], 128, [%farbar];
            """ + WAIT + "ld.shared.u32 %x0, [%at+128]; st.global.u32 [%dst], %x0;" + SYNC)
            .clusters(2).launch(2, 32).run(numbers(64), 1);
        for (int i = 0; i < 64; i++) {
            assertEquals(i + (i ^ 32) + 1, out[i]);
        }
    }

    @Test
    void prefetchesReadNothing() {
        int[] out = Ptx.kernel("cp.async.bulk.prefetch.L2.global [%in], 128; ld.global.u32 %bytes, [%src];"
            + "st.global.u32 [%dst], %bytes;").run(numbers(32), 1);
        assertArrayEquals(numbers(32), out);
        String report = Ptx.kernel("cp.async.bulk.prefetch.L2.global [%in], 144;")
            .fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, numbers(32), 1);
        assertTrue(report.contains("bulk prefetch of 144 bytes"), report);
    }

    @Test
    void badSizesAndAddresses() {
        String copy = TILE + "bar.sync 0;" + COPY_IN;
        fails(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, copy.replace("128", "120"), "120 bytes, which is not a multiple of 16");
        fails(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, copy.replace("[%in]", "[%in+8]"), "bulk copy reads 128 bytes at 0x");
        fails(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, copy.replace("[%tile]", "[%tile+4]"), "not a multiple of 16");
        fails(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, copy.replace("[%bar];\n", "[%bar+4];\n"), "mbarrier of a bulk copy");
        fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, copy.replace("[%in]", "[%in+16]"), "runs 16 bytes over the end");
        fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, copy.replace("[%tile]", "[%tile+256]"), "bulk copy writes 128 bytes at"
            + " shared memory address 0x100: the block has 264 bytes of it");
        fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, TILE + "mov.u32 %x0, 1048576;"
            + "@%first mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%bar], %x0;", "at most 1048575 bytes");
    }

    private static void fails(int error, String body, String part) {
        String report = Ptx.kernel(body).fails(error, numbers(32), 1);
        assertTrue(report.contains(part), report);
    }

    @Test
    void whatIsRefused() {
        refused("cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [%tile], [%w0, {%x0}], [%bar];",
            "");
        refused("cp.async.bulk.tensor.commit_group;", "tensor copies need a tensor map");
        refused("cp.async.bulk.global.global.bulk_group [%w0], [%w1], 16;", "a bulk copy goes from");
        refused("cp.async.bulk.global.shared::cta [%w0], [%tile], 16;", "in a bulk_group");
        refused("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u16 [%w0], [%tile], 16;", "no such");
        refused("st.async.shared::cluster.b32 [%tile], %x0, [%bar];", "completes at an mbarrier");
        refused("red.async.shared::cluster.mbarrier::complete_tx::bytes.exch.b32 [%tile], %x0, [%bar];", "no such");
        refused("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%bar];", "operands");
    }

    private static void refused(String line, String why) {
        String report = Ptx.kernel(TILE + line).isRefused();
        assertTrue(report.startsWith("PTX line ") && report.contains(why), report);
    }
}
