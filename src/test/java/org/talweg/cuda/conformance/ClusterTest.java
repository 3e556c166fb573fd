package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;

/** Clusters of blocks: their barrier, each other's shared memory, special registers. */
class ClusterTest {
    static final String SYNC = "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\n";
    /** Each thread's own word of shared memory holds its number in the grid; {@code %peer} is the next block's rank. */
    private static final String WORDS = """
        .shared .align 16 .b32 words[64];
        .reg .b32 %at, %x, %y, %peer, %size, %far; .reg .b64 %wide; .reg .pred %p, %q;
        mov.u32 %x, %tid.x;
        mov.u32 %at, words;
        mad.lo.u32 %at, %x, 4, %at;
        st.shared.u32 [%at], %id;
        mov.u32 %peer, %cluster_ctarank;
        mov.u32 %size, %cluster_nctarank;
        add.u32 %peer, %peer, 1;
        rem.u32 %peer, %peer, %size;
        """;
    private static final String FAR = SYNC + "mapa.shared::cluster.u32 %far, %at, %peer;\n";

    @AfterEach
    void naturalOrder() {
        SoftwareDriver.scheduleSeed(0);
    }

    /** The number that the same thread of the next block of the cluster has. */
    private static int next(int id, int threads, int cluster) {
        int block = id / threads;
        return (block / cluster * cluster + (block % cluster + 1) % cluster) * threads + id % threads;
    }

    private static Ptx pair(String body) {
        return Ptx.kernel(body).clusters(2).launch(2, 32);
    }

    @Test
    void specialRegisters() {
        int[] out = Ptx.kernel("""
            .reg .b32 %x; .reg .pred %p;
            mov.u32 %x, %ctaid.x;          st.global.u32 [%dst], %x;
            mov.u32 %x, %clusterid.x;      st.global.u32 [%dst+4], %x;
            mov.u32 %x, %nclusterid.x;     st.global.u32 [%dst+8], %x;
            mov.u32 %x, %cluster_ctaid.x;  st.global.u32 [%dst+12], %x;
            mov.u32 %x, %cluster_nctaid.x; st.global.u32 [%dst+16], %x;
            mov.u32 %x, %cluster_ctarank;  st.global.u32 [%dst+20], %x;
            mov.u32 %x, %cluster_nctarank; st.global.u32 [%dst+24], %x;
            mov.u32 %x, %cluster_nctaid.y; st.global.u32 [%dst+28], %x;
            mov.pred %p, %is_explicit_cluster; selp.u32 %x, 1, 0, %p; st.global.u32 [%dst+32], %x;
            """).clusters(4).launch(12, 1).run(new int[12], 9);
        for (int block = 0; block < 12; block++) {
            assertArrayEquals(new int[] {block, block / 4, 3, block % 4, 4, block % 4, 4, 1, 1},
                Arrays.copyOfRange(out, 9 * block, 9 * block + 9));
        }
    }

    @Test
    void withoutClustersEveryBlockIsOneOfItsOwn() {
        int[] out = Ptx.kernel("""
            .reg .b32 %x, %y; .reg .pred %p;
            mov.u32 %x, %clusterid.x;
            mov.u32 %y, %cluster_nctarank;
            mad.lo.u32 %x, %x, 10, %y;
            mov.pred %p, %is_explicit_cluster;
            @%p add.u32 %x, %x, 1000;
            barrier.cluster.arrive; barrier.cluster.wait;
            st.global.u32 [%dst], %x;
            """).launch(3, 1).run(new int[3], 1);
        assertArrayEquals(new int[] {1, 11, 21}, out);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3, 4, 5})
    void readsAnotherBlocksSharedMemory(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel(WORDS + FAR + """
            ld.shared::cluster.u32 %x, [%far];
            st.global.u32 [%dst], %x;
            cvt.u64.u32 %wide, %at;
            cvta.shared.u64 %wide, %wide;
            mapa.u64 %wide, %wide, %peer;
            ld.u32 %x, [%wide];
            st.global.u32 [%dst+4], %x;
            getctarank.u64 %x, %wide;
            getctarank.shared::cluster.u32 %y, %far;
            mad.lo.u32 %x, %x, 16, %y;
            st.global.u32 [%dst+8], %x;
            isspacep.shared::cluster %p, %wide;
            isspacep.shared %q, %wide;
            selp.u32 %x, 1, 0, %p;
            @%q add.u32 %x, %x, 2;
            isspacep.global %q, %wide;
            @%q add.u32 %x, %x, 4;
            st.global.u32 [%dst+12], %x;
            """ + SYNC).clusters(4).launch(8, 64).run(new int[512], 4);
        for (int id = 0; id < 512; id++) {
            assertEquals(next(id, 64, 4), out[4 * id]);
            assertEquals(next(id, 64, 4), out[4 * id + 1]);
            assertEquals(17 * ((id / 64 + 1) % 4), out[4 * id + 2]);
            assertEquals(1, out[4 * id + 3]);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void writesAndAtomicsInAnotherBlocksSharedMemory(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel(WORDS + FAR + """
            atom.shared::cluster.add.u32 %x, [%far], 1000;
            st.global.u32 [%dst], %x;
            cvt.u64.u32 %wide, %far;
            cvta.shared::cluster.u64 %wide, %wide;
            red.add.u32 [%wide], 500;
            """ + SYNC + """
            ld.shared.u32 %x, [%at];
            st.global.u32 [%dst+4], %x;
            """ + SYNC + """
            st.shared::cluster.u32 [%far], %id;
            """ + SYNC + """
            ld.shared.u32 %x, [%at];
            st.global.u32 [%dst+8], %x;
            """).clusters(2).launch(4, 32).run(new int[128], 3);
        for (int id = 0; id < 128; id++) {
            assertEquals(next(id, 32, 2), out[3 * id]);
            assertEquals(id + 1500, out[3 * id + 1]);
            assertEquals(next(id, 32, 2), out[3 * id + 2]);  // in a cluster of two the next block is the last one too
        }
    }

    @Test
    void anAddressOfItsOwnBlockIsOneOfTheCluster() {
        int[] out = pair(WORDS + """
            ld.shared::cluster.u32 %x, [%at];
            st.global.u32 [%dst], %x;
            mov.u32 %peer, %cluster_ctarank;
            mapa.shared::cluster.u32 %far, %at, %peer;
            ld.shared.u32 %x, [%far];
            st.global.u32 [%dst+4], %x;
            """).run(new int[64], 2);
        for (int id = 0; id < 64; id++) {
            assertEquals(id, out[2 * id]);
            assertEquals(id, out[2 * id + 1]);
        }
    }

    /** A thread that has ended counts as arrived; the others may do something between arriving and waiting. */
    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void theBarrierIsInTwoParts(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel("""
            .shared .align 4 .b32 sum;
            .reg .b32 %x, %far; .reg .pred %p;
            mov.u32 %x, %tid.x;
            setp.eq.u32 %p, %x, 0;
            mov.u32 %far, 0;
            @%p st.shared.u32 [sum], %far;
            barrier.cluster.arrive.release;
            barrier.cluster.wait.acquire;
            setp.ge.u32 %p, %x, 48;
            @%p exit;
            mov.u32 %far, sum;
            mapa.shared::cluster.u32 %far, %far, 0;
            red.shared::cluster.add.u32 [%far], 1;
            barrier.cluster.arrive;
            add.u32 %x, %x, 7;
            barrier.cluster.wait;
            ld.shared::cluster.u32 %x, [%far];
            st.global.u32 [%dst], %x;
            barrier.cluster.arrive.relaxed;
            barrier.cluster.wait;
            """).clusters(2).launch(2, 64).run(new int[128], 1);
        for (int id = 0; id < 128; id++) {
            assertEquals(id % 64 < 48 ? 96 : 0, out[id]);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void anMbarrierInAnotherBlock(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel("""
            .shared .align 8 .b64 barrier;
            .reg .b32 %x, %far; .reg .pred %p;
            mov.u32 %x, %tid.x;
            setp.eq.u32 %p, %x, 0;
            @%p mbarrier.init.shared::cta.b64 [barrier], 96;
            fence.mbarrier_init.release.cluster;
            """ + SYNC + """
            mov.u32 %far, barrier;
            mapa.shared::cluster.u32 %far, %far, 0;
            mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%far];
            mov.u32 %x, %cluster_ctarank;
            setp.ne.u32 %p, %x, 0;
            @%p bra DONE;
            WAIT:
            mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p, [barrier], 0, 1000;
            @!%p bra WAIT;
            DONE:
            mov.u32 %x, 1;
            st.global.u32 [%dst], %x;
            """ + SYNC).clusters(3).launch(3, 32).run(new int[96], 1);
        for (int word : out) {
            assertEquals(1, word);
        }
    }

    @Test
    void arrivingTwiceAndWaitingFirst() {
        String report = pair("barrier.cluster.arrive; barrier.cluster.arrive;")
            .fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[64], 1);
        assertTrue(report.contains("arrives again at the barrier of the cluster"), report);
        report = pair("barrier.cluster.wait;").fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[64], 1);
        assertTrue(report.contains("has not arrived there"), report);
    }

    @Test
    void aBarrierThatNeverCompletes() {
        String report = pair(WORDS + """
            setp.ne.u32 %p, %peer, 0;
            @%p bra FIRST;
            barrier.sync 3, 64;
            FIRST:
            """ + SYNC).fails(CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[64], 1);
        assertTrue(report.contains("the barrier of the cluster never completes: 32 of 64 threads have arrived or ended; "
            + "block (1,0,0), thread (0,0,0) is at PTX line"), report);
    }

    @Test
    void aSpinOnAnotherBlocksMemoryThatNobodyWrites() {
        String report = pair(WORDS + FAR + """
            AGAIN:
            ld.volatile.shared::cluster.u32 %x, [%far];
            setp.ne.u32 %p, %x, 4711;
            @%p bra AGAIN;
            """).fails(CUresult.CUDA_ERROR_LAUNCH_TIMEOUT, new int[64], 1);
        assertTrue(report.contains("no progress"), report);
    }

    @Test
    void badAddresses() {
        String report = pair(WORDS + "mapa.shared::cluster.u32 %far, %at, 2;")
            .fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, new int[64], 1);
        assertTrue(report.contains("mapa to block 2 of a cluster of 2"), report);
        report = pair(WORDS + FAR + "ld.shared.u32 %x, [%far];" + SYNC)
            .fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, new int[64], 1);
        assertTrue(report.contains("which is .shared::cluster and not .shared"), report);
        report = pair(WORDS + FAR + "ld.shared::cluster.u32 %x, [%far+256];" + SYNC)
            .fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, new int[64], 1);
        assertTrue(report.contains("the block has 256 bytes of it"), report);
        report = pair(WORDS + "mapa.u64 %wide, %src, %peer;").fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, new int[64], 1);
        assertTrue(report.contains("not of shared memory"), report);
    }

    @Test
    void sharedMemoryOfABlockThatHasEnded() {
        String report = pair(WORDS + FAR + """
            setp.ne.u32 %p, %peer, 0;
            @%p exit;
            mov.u32 %y, 0;
            LOOP:
            add.u32 %y, %y, 1;
            setp.lt.u32 %p, %y, 300000;
            @%p bra LOOP;
            ld.shared::cluster.u32 %x, [%far];
            """).fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, new int[64], 1);
        assertTrue(report.contains("all threads of block (0,0,0), which owns it, have ended"), report);
    }

    @Test
    void directivesThatNoChipCouldMeet() {
        assertTrue(Ptx.kernel("").directives(".reqnctapercluster 17").isRefused().contains("no cluster has 17 blocks"));
        assertTrue(Ptx.kernel("").directives(".reqnctapercluster 4, 4, 4").isRefused().contains("no cluster has 64 blocks"));
        assertTrue(Ptx.kernel("").directives(".maxclusterrank 0").isRefused().contains("no cluster has 0 blocks"));
        assertTrue(Ptx.kernel("barrier.cluster.sync;").isRefused().contains("'barrier.cluster' is .arrive or .wait"));
    }
}
