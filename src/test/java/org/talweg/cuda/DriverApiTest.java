package org.talweg.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_CAPTURED_EVENT;
import static jcuda.driver.CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED;
import static jcuda.driver.CUresult.CUDA_ERROR_ILLEGAL_STATE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_CONTEXT;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_DEVICE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_HANDLE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_FOUND;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_SUPPORTED;
import static jcuda.driver.CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
import static jcuda.driver.CUresult.CUDA_SUCCESS;
import static jcuda.driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL;
import static jcuda.driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED;
import static jcuda.driver.CUstream_flags.CU_STREAM_NON_BLOCKING;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUipcMemHandle;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUtexref;
import org.junit.jupiter.api.Test;

/** The driver API itself, as any JCuda program would call it: results, error codes, captures. */
class DriverApiTest extends DriverFixture {
    @Test
    void errorNamesAreThoseOfTheCudaHeaders() throws IllegalAccessException {
        for (Field field : CUresult.class.getFields()) {
            if (field.getName().startsWith("CUDA_")) {
                String[] name = new String[1];
                String[] text = new String[1];
                ok(cuGetErrorName(field.getInt(null), name));
                ok(cuGetErrorString(field.getInt(null), text));
                assertEquals(field.getName(), name[0]);
                assertTrue(text[0].length() > 5, text[0]);
            }
        }
        expect(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(12345, new String[1]));
    }

    @Test
    void theDeviceIsAnAmpereWithItsLimits() {
        int[][] expected = {
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 8},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 163 * 1024},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 8},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 2048},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 1},
            {CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 1}};
        for (int[] pair : expected) {
            int[] value = new int[1];
            ok(cuDeviceGetAttribute(value, pair[0], device));
            assertEquals(pair[1], value[0], CUdevice_attribute.stringFor(pair[0]));
        }
        expect(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(new int[1], 4711, device));
        expect(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(new CUdevice(), 1));
        int[] version = new int[1];
        ok(cuDriverGetVersion(version));
        assertEquals(12090, version[0]);
    }

    @Test
    void wrongHandlesAreErrorCodes() throws IOException {
        CUstream gone = stream(0);
        ok(cuStreamDestroy(gone));
        expect(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(gone));
        expect(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy(gone));
        expect(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(new CUevent(), gone));
        expect(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(new CUmodule()));
        expect(CUDA_ERROR_INVALID_HANDLE, cuModuleGetFunction(new CUfunction(), new CUmodule(), "x"));
        expect(CUDA_ERROR_INVALID_HANDLE, add(new CUfunction(), new CUstream(), memory(1), 1));
        expect(CUDA_ERROR_INVALID_HANDLE, cuGraphLaunch(new CUgraphExec(), new CUstream()));
        expect(CUDA_ERROR_INVALID_HANDLE, cuGraphDestroy(new CUgraph()));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemFree(new DeviceAddress(12345)));
        expect(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy(new CUcontext()));
        expect(CUDA_ERROR_NOT_FOUND, cuMemGetAddressRange(new CUdeviceptr(), new long[1], new DeviceAddress(64)));

        CUmodule module = module();
        CUfunction kernel = function(module, "add_to");
        ok(cuModuleUnload(module));
        expect(CUDA_ERROR_INVALID_HANDLE, add(kernel, new CUstream(), memory(1), 1));
    }

    @Test
    void whatIsNotImplementedSaysSo() {
        expect(CUDA_ERROR_NOT_SUPPORTED, cuTexRefCreate(new CUtexref()));
        expect(CUDA_ERROR_NOT_SUPPORTED, cuIpcGetMemHandle(new CUipcMemHandle(), memory(1)));
        expect(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadFatBinary(new CUmodule(), new byte[64]));
    }

    @Test
    void theProfilerIsSwitchedToNoEffect() {
        ok(cuProfilerStart());
        ok(cuProfilerStop());
    }

    @Test
    void memoryEndsWithItsContext() throws InterruptedException {
        inNewThread(() -> {
            CUcontext own = new CUcontext();
            ok(cuCtxCreate(own, 0, device));
            DeviceAddress memory = memory(4);
            ok(cuCtxDestroy(own));
            expect(CUDA_ERROR_INVALID_CONTEXT, cuMemFree(memory));
            expect(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(own));
        });
    }

    @Test
    void aContextDestroyedByAnotherThreadIsFoundOut() throws InterruptedException {
        inNewThread(() -> ok(cuCtxDestroy(context)));
        expect(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuCtxSynchronize());
        ok(cuCtxPopCurrent(new CUcontext()));
    }

    @Test
    void contextsAreAStack() {
        CUcontext second = new CUcontext();
        CUcontext current = new CUcontext();
        ok(cuCtxCreate(second, 0, device));
        ok(cuCtxGetCurrent(current));
        assertEquals(second, current);
        ok(cuCtxPopCurrent(current));
        ok(cuCtxGetCurrent(current));
        assertEquals(context, current);
        ok(cuCtxDestroy(second));
        expect(CUDA_ERROR_INVALID_CONTEXT, cuCtxPushCurrent(second));
    }

    @Test
    void thePrimaryContextLivesAsLongAsItsUsers() {
        CUcontext first = new CUcontext();
        CUcontext second = new CUcontext();
        ok(cuDevicePrimaryCtxRetain(first, device));
        ok(cuDevicePrimaryCtxRetain(second, device));
        assertEquals(first, second);
        ok(cuDevicePrimaryCtxRelease(device));
        ok(cuCtxPushCurrent(first));
        ok(cuCtxPopCurrent(second));
        ok(cuDevicePrimaryCtxRelease(device));
        expect(CUDA_ERROR_INVALID_CONTEXT, cuCtxPushCurrent(first));
        expect(CUDA_ERROR_INVALID_CONTEXT, cuDevicePrimaryCtxRelease(device));
    }

    @Test
    void copiesAndFillsStayWithinTheirMemory() {
        DeviceAddress memory = memory(4);
        ok(cuMemsetD32(memory, 0x01020304, 4));
        assertEquals(0x01020304, word(memory.withByteOffset(12)));
        ok(cuMemsetD16(memory.withByteOffset(2), (short) 0x0506, 1));
        assertEquals(0x05060304, word(memory));
        ok(cuMemsetD8(memory.withByteOffset(3), (byte) 7, 1));
        assertEquals(0x07060304, word(memory));
        ok(cuMemcpy(memory.withByteOffset(4), memory, 4));
        assertEquals(0x07060304, word(memory.withByteOffset(4)));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(memory.withByteOffset(2), 0, 1));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(memory, 0, 5));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoD(memory, memory.withByteOffset(8), 12));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(memory.withByteOffset(16), Pointer.to(new int[1]), 4));
        ok(cuCtxSynchronize());
    }

    @Test
    void pinnedMemoryIsReachableByItsHostAddress() throws IOException {
        Pointer pinned = new Pointer();
        ok(cuMemHostAlloc(pinned, 64, 0));
        ByteBuffer bytes = pinned.getByteBuffer(0, 64).order(ByteOrder.nativeOrder());
        bytes.putInt(0, 5);
        DeviceAddress address = new DeviceAddress();
        ok(cuMemHostGetDevicePointer(address, pinned, 0));
        CUfunction kernel = function(module(), "add_to");
        ok(add(kernel, new CUstream(), address, 3));
        assertEquals(8, bytes.getInt(0));
        ok(cuMemFreeHost(pinned));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(pinned));
    }

    @Test
    void cubinsAreDeclinedSoThatTheHostFallsBackToPtx() {
        byte[] cubin = {0x7f, 'E', 'L', 'F', 2, 1, 1, 0};
        expect(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(new CUmodule(), cubin));
    }

    @Test
    void argumentsCanComePacked() throws IOException {
        CUfunction kernel = function(module(), "add_to");
        DeviceAddress data = memory(1);
        ok(cuMemsetD32(data, 40, 1));
        ByteBuffer packed = ByteBuffer.allocateDirect(16).order(ByteOrder.nativeOrder())
            .putLong(data.address()).putInt(2).putInt(1).rewind();
        Pointer extra = Pointer.to(CU_LAUNCH_PARAM_BUFFER_POINTER, Pointer.to(packed),
            CU_LAUNCH_PARAM_BUFFER_SIZE, Pointer.to(new long[] {16}), CU_LAUNCH_PARAM_END);
        ok(cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, new CUstream(), null, extra));
        assertEquals(42, word(data));
        Pointer tooShort = Pointer.to(CU_LAUNCH_PARAM_BUFFER_POINTER, Pointer.to(packed),
            CU_LAUNCH_PARAM_BUFFER_SIZE, Pointer.to(new long[] {12}), CU_LAUNCH_PARAM_END);
        expect(CUDA_ERROR_INVALID_VALUE,
            cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, new CUstream(), null, tooShort));
        expect(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, new CUstream(), null, null));
    }

    @Test
    void globalsHaveAnAddress() throws IOException {
        CUmodule module = module();
        DeviceAddress address = new DeviceAddress();
        long[] bytes = new long[1];
        ok(cuModuleGetGlobal(address, bytes, module, "counter"));
        assertEquals(4, bytes[0]);
        ok(cuMemsetD32(address, 9, 1));
        assertEquals(9, word(address));
        expect(CUDA_ERROR_NOT_FOUND, cuModuleGetGlobal(address, bytes, module, "no_such"));
    }

    @Test
    void eventsMeasureTime() {
        CUevent start = event(0);
        CUevent end = event(0);
        float[] milliseconds = {-1};
        expect(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(milliseconds, start, end));
        ok(cuEventQuery(start));
        ok(cuEventRecord(start, new CUstream()));
        ok(cuEventRecord(end, new CUstream()));
        ok(cuEventElapsedTime(milliseconds, start, end));
        assertTrue(milliseconds[0] >= 0, "elapsed " + milliseconds[0]);
    }

    @Test
    void aForkedCaptureBecomesOneGraph() throws IOException {
        CUfunction kernel = function(module(), "add_to");
        DeviceAddress data = memory(2);
        ok(cuMemsetD32(data, 0, 2));
        CUstream left = stream(CU_STREAM_NON_BLOCKING);
        CUstream right = stream(CU_STREAM_NON_BLOCKING);
        CUevent fork = event(0);
        CUevent join = event(0);
        CUgraph graph = new CUgraph();
        CUgraphExec executable = new CUgraphExec();
        ok(cuStreamBeginCapture(left, CU_STREAM_CAPTURE_MODE_GLOBAL));
        ok(add(kernel, left, data, 1));
        ok(cuEventRecord(fork, left));
        ok(cuStreamWaitEvent(right, fork, 0));
        ok(add(kernel, right, data.withByteOffset(4), 10));
        ok(add(kernel, left, data, 2));
        ok(cuEventRecord(join, right));
        ok(cuStreamWaitEvent(left, join, 0));
        ok(cuMemcpyDtoDAsync(data.withByteOffset(4), data, 4, left));
        ok(cuStreamEndCapture(left, graph));
        assertEquals(4, nodes(graph));
        assertEquals(0, word(data));

        long[] count = new long[1];
        ok(cuGraphGetRootNodes(graph, null, count));
        assertEquals(1, count[0]);
        ok(cuGraphGetEdges(graph, null, null, count));
        assertEquals(4, count[0], "one fork and one join");

        ok(cuGraphInstantiate(executable, graph, 0));
        ok(cuGraphDestroy(graph));
        ok(cuGraphLaunch(executable, left));
        ok(cuGraphLaunch(executable, right));
        assertEquals(6, word(data));
        assertEquals(6, word(data.withByteOffset(4)));
        ok(cuGraphExecDestroy(executable));
    }

    @Test
    void aCaptureIsSpoiltByWhatItCannotHold() {
        CUstream captured = stream(CU_STREAM_NON_BLOCKING);
        CUstream other = stream(CU_STREAM_NON_BLOCKING);
        CUgraph graph = new CUgraph();

        ok(cuStreamBeginCapture(captured, CU_STREAM_CAPTURE_MODE_GLOBAL));
        expect(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture(captured, CU_STREAM_CAPTURE_MODE_GLOBAL));
        expect(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc(new CUdeviceptr(), 4));
        expect(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(captured, graph));
        expect(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(captured, graph));

        ok(cuStreamBeginCapture(captured, CU_STREAM_CAPTURE_MODE_RELAXED));
        ok(cuMemAlloc(new CUdeviceptr(), 4));
        expect(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(captured));
        expect(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(captured, graph));

        CUevent outside = event(0);
        ok(cuEventRecord(outside, other));
        ok(cuStreamBeginCapture(captured, CU_STREAM_CAPTURE_MODE_GLOBAL));
        expect(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, cuStreamWaitEvent(captured, outside, 0));
        expect(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(captured, graph));
    }

    @Test
    void aForkThatIsNotJoinedIsAnError() throws IOException {
        CUfunction kernel = function(module(), "add_to");
        DeviceAddress data = memory(1);
        CUstream left = stream(CU_STREAM_NON_BLOCKING);
        CUstream right = stream(CU_STREAM_NON_BLOCKING);
        CUevent fork = event(0);
        ok(cuStreamBeginCapture(left, CU_STREAM_CAPTURE_MODE_GLOBAL));
        ok(cuEventRecord(fork, left));
        ok(cuStreamWaitEvent(right, fork, 0));
        ok(add(kernel, right, data, 1));
        expect(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, cuStreamEndCapture(right, new CUgraph()));
        expect(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(left, new CUgraph()));
        ok(cuStreamSynchronize(right));
        expect(CUDA_ERROR_CAPTURED_EVENT, cuEventSynchronize(fork));
    }

    @Test
    void theLegacyStreamStaysOutOfCapturesOfBlockingStreams() {
        DeviceAddress data = memory(1);
        CUstream blocking = stream(0);
        ok(cuStreamBeginCapture(blocking, CU_STREAM_CAPTURE_MODE_RELAXED));
        expect(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuMemsetD32(data, 0, 1));
        expect(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(blocking, new CUgraph()));
        expect(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
            cuStreamBeginCapture(new CUstream(), CU_STREAM_CAPTURE_MODE_RELAXED));
    }
}
