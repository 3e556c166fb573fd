package org.talweg.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_HANDLE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_PERMITTED;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_READY;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
import static jcuda.driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL;
import static jcuda.driver.CUstream_flags.CU_STREAM_NON_BLOCKING;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUhostFn;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCallback;
import org.junit.jupiter.api.Test;

/** Work that has to wait: for the host, for events, for values in memory. */
class DriverStreamTest extends DriverFixture {
    private static final int EQUAL = 1;

    private static void await(CountDownLatch latch) {
        try {
            assertTrue(latch.await(1, TimeUnit.MINUTES), "the other side never came");
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void hostFunctionsRunInTheOrderOfTheirStream() throws IOException {
        CUfunction kernel = function(module(), "add_to");
        DeviceAddress data = memory(1);
        CUstream stream = stream(CU_STREAM_NON_BLOCKING);
        CountDownLatch release = new CountDownLatch(1);
        List<Object> seen = new CopyOnWriteArrayList<>();
        AtomicInteger forbidden = new AtomicInteger();
        CUhostFn first = object -> {
            await(release);
            seen.add(object);
            forbidden.set(cuCtxSynchronize());
        };
        CUstreamCallback second = (callbackStream, status, object) -> {
            seen.add(status);
            seen.add(object);
        };
        ok(cuMemsetD32(data, 1, 1));
        ok(cuLaunchHostFunc(stream, first, "first"));
        ok(add(kernel, stream, data, 2));
        ok(cuStreamAddCallback(stream, second, "second", 0));
        expect(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
        assertEquals(1, word(data), "the kernel waits behind the host function");
        release.countDown();
        ok(cuStreamSynchronize(stream));
        assertEquals(3, word(data));
        assertEquals(List.of("first", 0, "second"), seen);
        expect(CUDA_ERROR_NOT_PERMITTED, forbidden.get());
        ok(cuStreamQuery(stream));
    }

    @Test
    void theLegacyStreamKeepsItsPlaceAmongBlockingStreams() throws IOException {
        CUfunction kernel = function(module(), "add_to");
        DeviceAddress data = memory(1);
        ok(cuMemsetD32(data, 0, 1));
        CUstream blocking = stream(0);
        CUstream apart = stream(CU_STREAM_NON_BLOCKING);
        CountDownLatch release = new CountDownLatch(1);
        CUhostFn wait = object -> await(release);
        ok(cuLaunchHostFunc(blocking, wait, null));
        ok(add(kernel, new CUstream(), data, 1));
        expect(CUDA_ERROR_NOT_READY, cuStreamQuery(new CUstream()));
        ok(add(kernel, stream(0), data, 10));
        ok(cuStreamSynchronize(apart));
        Pointer pinned = new Pointer();
        ok(cuMemAllocHost(pinned, 4));
        ByteBuffer value = pinned.getByteBuffer(0, 4).order(ByteOrder.nativeOrder());
        ok(cuMemcpyDtoHAsync(pinned, data, 4, apart));
        ok(cuStreamSynchronize(apart));
        assertEquals(0, value.getInt(0), "neither the legacy stream nor what follows it has run");
        release.countDown();
        ok(cuCtxSynchronize());
        assertEquals(11, word(data));
    }

    @Test
    void streamsWaitForEventsOfOthers() throws IOException {
        CUfunction kernel = function(module(), "add_to");
        DeviceAddress data = memory(1);
        ok(cuMemsetD32(data, 5, 1));
        CUstream one = stream(CU_STREAM_NON_BLOCKING);
        CUstream two = stream(CU_STREAM_NON_BLOCKING);
        CUevent start = event(0);
        CUevent reached = event(0);
        CountDownLatch release = new CountDownLatch(1);
        CUhostFn wait = object -> await(release);
        ok(cuEventRecord(start, one));
        ok(cuLaunchHostFunc(one, wait, null));
        ok(cuEventRecord(reached, one));
        ok(cuStreamWaitEvent(two, reached, 0));
        ok(add(kernel, two, data, 1));
        expect(CUDA_ERROR_NOT_READY, cuEventQuery(reached));
        expect(CUDA_ERROR_NOT_READY, cuEventElapsedTime(new float[1], start, reached));
        expect(CUDA_ERROR_NOT_READY, cuStreamQuery(two));
        release.countDown();
        ok(cuEventSynchronize(reached));
        ok(cuStreamSynchronize(two));
        assertEquals(6, word(data));
        float[] milliseconds = {-1};
        ok(cuEventElapsedTime(milliseconds, start, reached));
        assertTrue(milliseconds[0] >= 0, "elapsed " + milliseconds[0]);
    }

    @Test
    void aStreamWaitsForAValueThatTheHostWrites() throws IOException {
        Mapped mapped = mapped();
        ByteBuffer words = mapped.words();
        DeviceAddress flag = mapped.flag();
        DeviceAddress data = memory(1);
        ok(cuMemsetD32(data, 0, 1));
        CUstream stream = stream(CU_STREAM_NON_BLOCKING);
        ok(cuStreamWaitValue32(stream, flag, 3, 0));
        ok(add(function(module(), "add_to"), stream, data, 4));
        ok(cuStreamWriteValue64(stream, flag.withByteOffset(8), 0x1234567890L, 0));
        expect(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
        words.putInt(0, 2);
        expect(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
        words.putInt(0, 4);
        ok(cuStreamSynchronize(stream));
        assertEquals(4, word(data));
        assertEquals(0x1234567890L, words.getLong(8));
        ok(cuStreamWaitValue64(stream, flag.withByteOffset(8), 0x1234567890L, EQUAL));
        ok(cuStreamWriteValue32(stream, flag, 99, 0));
        ok(cuStreamSynchronize(stream));
        assertEquals(99, words.getInt(0));
        expect(CUDA_ERROR_INVALID_VALUE, cuStreamWaitValue32(stream, flag.withByteOffset(2), 0, 0));
        expect(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32(stream, new DeviceAddress(64), 0, 0));
        ok(cuMemFreeHost(mapped.pinned()));
    }

    @Test
    void hostFunctionsCanBeCaptured() throws IOException {
        CUfunction kernel = function(module(), "add_to");
        DeviceAddress data = memory(1);
        ok(cuMemsetD32(data, 0, 1));
        CUstream stream = stream(CU_STREAM_NON_BLOCKING);
        AtomicInteger calls = new AtomicInteger();
        CUhostFn count = object -> calls.incrementAndGet();
        CUgraph graph = new CUgraph();
        CUgraphExec executable = new CUgraphExec();
        ok(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
        ok(add(kernel, stream, data, 1));
        ok(cuLaunchHostFunc(stream, count, null));
        ok(add(kernel, stream, data, 1));
        ok(cuStreamEndCapture(stream, graph));
        assertEquals(3, nodes(graph));
        ok(cuGraphInstantiate(executable, graph, 0));
        ok(cuGraphLaunch(executable, stream));
        ok(cuStreamSynchronize(stream));
        assertEquals(1, calls.get());
        assertEquals(2, word(data));

        ok(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
        CUstreamCallback callback = (callbackStream, status, object) -> { };
        expect(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamAddCallback(stream, callback, null, 0));
        cuStreamEndCapture(stream, graph);
    }

    @Test
    void aContextCanBeDestroyedWhileAStreamStillWaits() throws InterruptedException {
        inNewThread(() -> {
            CUcontext own = new CUcontext();
            ok(cuCtxCreate(own, 0, device));
            CountDownLatch release = new CountDownLatch(1);
            CountDownLatch started = new CountDownLatch(1);
            CountDownLatch done = new CountDownLatch(1);
            CUstream stream = stream(CU_STREAM_NON_BLOCKING);
            CUhostFn wait = object -> {
                started.countDown();
                await(release);
                done.countDown();
            };
            ok(cuLaunchHostFunc(stream, wait, null));
            ok(cuMemsetD32Async(memory(4), 1, 4, stream));
            await(started);
            ok(cuCtxDestroy(own));
            release.countDown();
            await(done);
        });
    }

    @Test
    void prioritiesAreKeptWithinTheirRange() {
        int[] least = new int[1];
        int[] greatest = new int[1];
        ok(cuCtxGetStreamPriorityRange(least, greatest));
        assertTrue(greatest[0] < least[0]);
        CUstream stream = new CUstream();
        ok(cuStreamCreateWithPriority(stream, 0, greatest[0] - 10));
        int[] priority = new int[1];
        ok(cuStreamGetPriority(stream, priority));
        assertEquals(greatest[0], priority[0]);
        CUevent foreign = event(0);
        ok(cuStreamDestroy(stream));
        expect(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(foreign, stream));
        expect(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(stream, 8));
    }
}
