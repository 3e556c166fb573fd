package org.talweg.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_READY;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
import static jcuda.driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import jcuda.driver.CUaccessPolicyWindow;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUhostFn;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamAttrValue;
import jcuda.driver.CUstreamCaptureStatus;
import org.junit.jupiter.api.Test;

/** Captures of memory and of waits, the default streams of threads, attributes. */
class DriverCaptureTest extends DriverFixture {
    private static final int SYNC_POLICY = 3;
    private static final int AUTO = 1;
    private static final int SPIN = 2;

    private static CUgraphExec end(CUstream stream) {
        CUgraph graph = new CUgraph();
        ok(cuStreamEndCapture(stream, graph));
        CUgraphExec executable = new CUgraphExec();
        ok(cuGraphInstantiate(executable, graph, 0));
        ok(cuGraphDestroy(graph));
        return executable;
    }

    @Test
    void aGraphTakesMemoryAndGivesItBack() throws IOException {
        DeviceAddress out = memory(4);
        CUstream stream = stream(0);
        CUfunction kernel = function(module(), "add_to");
        long before = SoftwareDriver.memoryInUse();
        ok(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
        DeviceAddress own = new DeviceAddress();
        ok(cuMemAllocAsync(own, 16, stream));
        ok(cuMemsetD32Async(own, 5, 4, stream));
        ok(add(kernel, stream, own, 2));
        ok(cuMemcpyDtoDAsync(out, own, 16, stream));
        ok(cuMemFreeAsync(own, stream));
        CUgraphExec executable = end(stream);
        for (int i = 0; i < 3; i++) {
            ok(cuMemsetD32(out, 0, 4));
            ok(cuGraphLaunch(executable, stream));
            ok(cuStreamSynchronize(stream));
            assertEquals(7, word(out));
            assertEquals(before, SoftwareDriver.memoryInUse());
            expect(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoD(out, own, 16));
        }
        ok(cuGraphExecDestroy(executable));
        ok(cuMemFree(out));
    }

    @Test
    void memoryThatAGraphLeavesBehindMustBeFreedBeforeItRunsAgain() {
        CUstream stream = stream(0);
        long before = SoftwareDriver.memoryInUse();
        ok(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
        DeviceAddress own = new DeviceAddress();
        ok(cuMemAllocAsync(own, 64, stream));
        ok(cuMemsetD32Async(own, 9, 16, stream));
        CUgraphExec executable = end(stream);
        ok(cuGraphLaunch(executable, stream));
        assertEquals(9, word(own));
        assertEquals(before + 64, SoftwareDriver.memoryInUse());
        expect(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(executable, stream));
        assertTrue(SoftwareDriver.takeReport().contains("still there from its last launch"));
        ok(cuMemFree(own));
        assertEquals(before, SoftwareDriver.memoryInUse());
        ok(cuGraphLaunch(executable, stream));
        ok(cuMemFreeAsync(own, stream));
        ok(cuGraphLaunch(executable, stream));
        ok(cuGraphExecDestroy(executable));
        assertEquals(before, SoftwareDriver.memoryInUse());
    }

    @Test
    void waitsForValuesAndWritesOfThemAreNodes() throws IOException {
        Mapped mapped = mapped();
        ByteBuffer words = mapped.words();
        DeviceAddress flag = mapped.flag();
        DeviceAddress data = memory(1);
        ok(cuMemsetD32(data, 0, 1));
        CUstream stream = stream(0);
        ok(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
        ok(cuStreamWaitValue32(stream, flag, 3, 0));
        ok(add(function(module(), "add_to"), stream, data, 4));
        ok(cuStreamWriteValue64(stream, flag.withByteOffset(8), 77, 0));
        CUgraphExec executable = end(stream);
        assertEquals(0, words.getLong(8));
        ok(cuGraphLaunch(executable, stream));
        expect(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
        assertEquals(0, words.getLong(8));
        words.putInt(0, 3);
        ok(cuStreamSynchronize(stream));
        assertEquals(77, words.getLong(8));
        assertEquals(4, word(data));
        ok(cuGraphExecDestroy(executable));
        ok(cuMemFreeHost(mapped.pinned()));
    }

    @Test
    void eachThreadHasADefaultStreamOfItsOwn() {
        CountDownLatch release = new CountDownLatch(1);
        CUhostFn holds = data -> {
            try {
                release.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        };
        ok(cuLaunchHostFunc(CU_STREAM_PER_THREAD, holds, null));
        expect(CUDA_ERROR_NOT_READY, cuStreamQuery(CU_STREAM_PER_THREAD));
        CompletableFuture<Integer> other = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            cuCtxSetCurrent(context);
            other.complete(cuStreamQuery(CU_STREAM_PER_THREAD));
        });
        thread.start();
        ok(other.join());
        expect(CUDA_ERROR_NOT_READY, cuStreamQuery(new CUstream()));  // the legacy stream waits for it
        release.countDown();
        ok(cuStreamSynchronize(CU_STREAM_PER_THREAD));

        // It can be captured, and the legacy stream cannot.
        expect(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture(new CUstream(), CU_STREAM_CAPTURE_MODE_RELAXED));
        DeviceAddress data = memory(1);
        ok(cuMemsetD32(data, 0, 1));
        ok(cuStreamBeginCapture(CU_STREAM_PER_THREAD, CU_STREAM_CAPTURE_MODE_RELAXED));
        int[] status = new int[1];
        ok(cuStreamIsCapturing(CU_STREAM_PER_THREAD, status));
        assertEquals(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE, status[0]);
        ok(cuMemsetD32Async(data, 6, 1, CU_STREAM_PER_THREAD));
        CUgraphExec executable = end(CU_STREAM_PER_THREAD);
        ok(cuGraphLaunch(executable, CU_STREAM_PER_THREAD));
        assertEquals(6, word(data));
        assertTrue(cuStreamDestroy(CU_STREAM_PER_THREAD) != 0);
    }

    @Test
    void attributesOfStreamsAreKept() {
        CUstream stream = stream(0);
        CUstreamAttrValue value = new CUstreamAttrValue(new CUaccessPolicyWindow(), 0);
        ok(cuStreamGetAttribute(stream, SYNC_POLICY, value));
        assertEquals(AUTO, value.syncPolicy);
        value.syncPolicy = SPIN;
        ok(cuStreamSetAttribute(stream, SYNC_POLICY, value));
        CUstream copy = stream(0);
        ok(cuStreamCopyAttributes(copy, stream));
        value.syncPolicy = 0;
        ok(cuStreamGetAttribute(copy, SYNC_POLICY, value));
        assertEquals(SPIN, value.syncPolicy);
        value.syncPolicy = 17;
        expect(CUDA_ERROR_INVALID_VALUE, cuStreamSetAttribute(stream, SYNC_POLICY, value));
    }
}
