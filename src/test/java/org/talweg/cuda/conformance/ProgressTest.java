package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.testing.SoftwareDevice;

/** Kernels that never end are told from those that only wait. */
class ProgressTest {
    private static final String CELLS = ".global .align 4 .u32 flag = 0; .global .align 4 .u32 lock = 0; .global .align 4 .u32 sum = 0;";
    private static final int TIMEOUT = CUresult.CUDA_ERROR_LAUNCH_TIMEOUT;

    @AfterEach
    void inOrder() {
        SoftwareDriver.scheduleSeed(0);
        SoftwareDriver.launchLimit(0);
    }

    /** Lane 0 waits for a word that nobody changes; the others wait for it at a warp sync. */
    @ParameterizedTest
    @CsvSource({"ld.volatile.global.u32 %x_ [flag], 0", "ld.volatile.global.u32 %x_ [flag], 3",
        "atom.global.exch.b32 %x_ [flag]_ 0, 0", "atom.global.cas.b32 %x_ [flag]_ 5_ 6, 0",
        "nanosleep.u32 100; ld.relaxed.gpu.global.u32 %x_ [flag], 2", "mov.u32 %x_ 0, 1"})
    void aLaneThatSpinsWhileOthersWaitForIt(String poll, long seed) {
        SoftwareDriver.scheduleSeed(seed);
        String report = Ptx.kernel("""
            .reg .pred %p; .reg .b32 %x;
            setp.ne.u32 %p, %lane, 0; @%p bra MEET;
            SPIN: """ + poll.replace('_', ',') + """
            ; setp.eq.u32 %p, %x, 0; @%p bra SPIN;
            MEET: bar.warp.sync 0xffffffff;
            st.global.u32 [%dst], 1;
            """).declare(CELLS).fails(TIMEOUT, new int[32], 1);
        assertTrue(report.contains("no progress: divergent warp sync: lanes of its mask never arrive")
            && report.contains("block (0,0,0)") && report.contains("; thread (0,0,0) spins at PTX line "), report);
    }

    @Test
    void aLaneThatSpinsWhileTheBlockWaitsAtABarrier() {
        String report = Ptx.kernel("""
            .reg .pred %p; .reg .b32 %x;
            setp.ne.u32 %p, %id, 40; @%p bra MEET;
            SPIN: ld.volatile.global.u32 %x, [flag]; setp.eq.u32 %p, %x, 0; @%p bra SPIN;
            MEET: barrier.sync 0;
            st.global.u32 [%dst], 1;
            """).declare(CELLS).launch(1, 64).fails(TIMEOUT, new int[64], 1);
        assertTrue(report.contains("no progress: barrier 0 never completes: 63 of 64 threads wait here")
            && report.contains("; thread (40,0,0) spins at PTX line "), report);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void blocksThatWaitForEachOther(int threads) {
        SoftwareDriver.threads(threads);
        try {
            String report = Ptx.kernel("""
                .reg .pred %p; .reg .b32 %x;
                SPIN: ld.acquire.gpu.global.u32 %x, [flag]; setp.eq.u32 %p, %x, 0; @%p bra SPIN;
                st.global.u32 [flag], 1;
                """).declare(CELLS).launch(5, 32).fails(TIMEOUT, new int[160], 1);
            assertTrue(report.contains("no progress: it would run for ever; 4 other blocks get no further either"), report);
        } finally {
            SoftwareDriver.threads(0);
        }
    }

    @Test
    void aLoopThroughATableOfBranches() {
        Ptx.kernel("""
            .reg .b32 %x; mov.b32 %x, 0;
            table: .branchtargets AGAIN, DONE;
            AGAIN: brx.idx %x, table;
            DONE: st.global.u32 [%dst], 1;
            """).fails(TIMEOUT, new int[32], 1);
    }

    /** The memory it reads changes all the time, but its counter never comes round: only a limit ends that. */
    @Test
    void aLimitEndsWhatIsNoCircle() {
        SoftwareDriver.launchLimit(1_000_000);
        String report = Ptx.kernel("""
            .reg .pred %p; .reg .b64 %n; .reg .b32 %x; mov.b64 %n, 0;
            SPIN: add.u64 %n, %n, 1; ld.volatile.global.u32 %x, [flag]; setp.eq.u32 %p, %x, 0; @%p bra SPIN;
            st.global.u64 [%dst], %n;
            """).declare(CELLS).fails(TIMEOUT, new int[32], 2);
        assertTrue(report.contains("launch limit of 1000000 instructions"), report);
        assertEquals(1, Ptx.kernel("st.global.u32 [%dst], 1;").run(new int[32], 1)[0]);
    }

    /** A long loop in registers, a counted spin that gives up, and one on the clock. */
    @ParameterizedTest
    @ValueSource(strings = {
        "SPIN: add.u32 %n, %n, 1; setp.lt.u32 %p, %n, 2000000; @%p bra SPIN;",
        "SPIN: add.u32 %n, %n, 1; ld.volatile.global.u32 %x, [flag]; setp.eq.u32 %p, %x, 0; setp.lt.and.u32 %p, %n, 100000, %p; @%p bra SPIN;",
        "mov.u64 %t, %globaltimer; SPIN: mov.u64 %u, %globaltimer; sub.u64 %u, %u, %t; nanosleep.u32 50; setp.lt.u64 %p, %u, 20000000; @%p bra SPIN;",
        // 16 numbers round and round, in memory; nobody else looks at them
        "SPIN: add.u32 %n, %n, 1; and.b32 %x, %n, 15; st.global.u32 [%dst], %x; setp.lt.u32 %p, %n, 400000; @%p bra SPIN;"})
    void whatEndsInItsOwnTime(String loop) {
        int[] out = Ptx.kernel(".reg .pred %p; .reg .b32 %n, %x; .reg .b64 %t, %u; mov.b32 %n, 0;\n" + loop + "\nst.global.u32 [%dst], 1;")
            .declare(CELLS).launch(1, 64).run(new int[64], 1);
        assertEquals(64, java.util.Arrays.stream(out).sum());
    }

    /** Each block passes a token on after a long computation, while all the others spin; and all take a lock in turn. */
    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2})
    void blocksThatWaitForLongGoOn(long seed) {
        SoftwareDriver.scheduleSeed(seed);
        int[] out = Ptx.kernel("""
            .reg .pred %p; .reg .b32 %x, %n, %c;
            mov.u32 %c, %ctaid.x; mov.b32 %n, 0;
            SPIN: ld.relaxed.gpu.global.u32 %x, [flag]; setp.ne.u32 %p, %x, %c; @%p bra SPIN;
            WORK: add.u32 %n, %n, 1; setp.lt.u32 %p, %n, 30000; @%p bra WORK;
            add.u32 %x, %c, 1; st.release.gpu.global.u32 [flag], %x;
            TAKE: atom.global.cas.b32 %x, [lock], 0, 1; setp.ne.u32 %p, %x, 0; @%p bra TAKE;
            ld.volatile.global.u32 %x, [sum]; add.u32 %x, %x, 1; st.volatile.global.u32 [sum], %x;
            atom.global.exch.b32 %n, [lock], 0;
            st.global.u32 [%dst], %x;
            """).declare(CELLS).launch(24, 1).run(new int[24], 1);
        assertEquals(24 * 25 / 2, java.util.Arrays.stream(out).sum());
    }

    /** The host writes a word of page-locked memory while the kernel spins on it. */
    @Test
    void aWordOfTheHosts() throws InterruptedException {
        SoftwareDevice.require();
        CUcontext context = new CUcontext();
        CUdevice device = new CUdevice();
        JCudaDriver.cuInit(0);
        JCudaDriver.cuDeviceGet(device, 0);
        JCudaDriver.cuCtxCreate(context, 0, device);
        try {
            CUmodule module = new CUmodule();
            String source = """
                .version 8.4
                .target sm_80
                .address_size 64
                .visible .entry waits(.param .u64 word) {
                  .reg .b64 %w; .reg .b32 %x; .reg .pred %p;
                  ld.param.u64 %w, [word];
                  SPIN: ld.volatile.global.u32 %x, [%w]; setp.eq.u32 %p, %x, 0; @%p bra SPIN;
                  st.volatile.global.u32 [%w+4], %x;
                  ret;
                }
                """;
            assertEquals(CUresult.CUDA_SUCCESS, JCudaDriver.cuModuleLoadData(module, source), SoftwareDriver::takeReport);
            CUfunction function = new CUfunction();
            JCudaDriver.cuModuleGetFunction(function, module, "waits");
            Pointer words = new Pointer();
            JCudaDriver.cuMemHostAlloc(words, 8, JCudaDriver.CU_MEMHOSTALLOC_DEVICEMAP);
            ByteBuffer host = words.getByteBuffer(0, 8).order(ByteOrder.nativeOrder());
            host.putLong(0, 0);
            CUdeviceptr address = new CUdeviceptr();
            JCudaDriver.cuMemHostGetDevicePointer(address, words, 0);
            Thread writer = new Thread(() -> {
                try {
                    Thread.sleep(300);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                host.putInt(0, 42);
            });
            writer.start();
            int result = JCudaDriver.cuLaunchKernel(function, 3, 1, 1, 32, 1, 1, 0, null, Pointer.to(Pointer.to(address)), null);
            assertEquals(CUresult.CUDA_SUCCESS, result, SoftwareDriver::takeReport);
            assertEquals(CUresult.CUDA_SUCCESS, JCudaDriver.cuCtxSynchronize(), SoftwareDriver::takeReport);
            writer.join();
            assertEquals(42, host.getInt(4));
            JCudaDriver.cuMemFreeHost(words);
        } finally {
            JCudaDriver.cuCtxDestroy(context);
        }
    }
}
