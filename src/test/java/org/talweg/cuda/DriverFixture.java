package org.talweg.cuda;

import static jcuda.driver.CUresult.CUDA_SUCCESS;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicReference;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.talweg.testing.SoftwareDevice;

/** A context for each test of the driver API, and short words for its calls. */
abstract class DriverFixture {
    final CUdevice device = new CUdevice();
    final CUcontext context = new CUcontext();

    @BeforeEach
    void createContext() {
        SoftwareDevice.require();
        ok(cuInit(0));
        ok(cuDeviceGet(device, 0));
        ok(cuCtxCreate(context, 0, device));
    }

    @AfterEach
    void destroyContext() {
        if (SoftwareDriver.isLoaded()) {
            cuCtxDestroy(context);
        }
    }

    static void ok(int result) {
        expect(CUDA_SUCCESS, result);
    }

    static void expect(int expected, int result) {
        assertEquals(CUresult.stringFor(expected), CUresult.stringFor(result));
    }

    static CUstream stream(int flags) {
        CUstream stream = new CUstream();
        ok(cuStreamCreate(stream, flags));
        return stream;
    }

    static CUevent event(int flags) {
        CUevent event = new CUevent();
        ok(cuEventCreate(event, flags));
        return event;
    }

    /** Two 64-bit words, zero, that host and device see; the first is the device's {@code flag}. */
    record Mapped(Pointer pinned, ByteBuffer words, DeviceAddress flag) {
    }

    static Mapped mapped() {
        Pointer pinned = new Pointer();
        ok(cuMemHostAlloc(pinned, 16, CU_MEMHOSTALLOC_DEVICEMAP));
        ByteBuffer words = pinned.getByteBuffer(0, 16).order(ByteOrder.nativeOrder());
        words.putLong(0, 0).putLong(8, 0);
        DeviceAddress flag = new DeviceAddress();
        ok(cuMemHostGetDevicePointer(flag, pinned, 0));
        return new Mapped(pinned, words, flag);
    }

    static DeviceAddress memory(int words) {
        DeviceAddress memory = new DeviceAddress();
        ok(cuMemAlloc(memory, words * 4L));
        return memory;
    }

    static int word(CUdeviceptr address) {
        IntBuffer word = ByteBuffer.allocateDirect(4).order(ByteOrder.nativeOrder()).asIntBuffer();
        ok(cuMemcpyDtoH(Pointer.to(word), address, 4));
        return word.get(0);
    }

    static CUmodule module() throws IOException {
        try (InputStream in = DriverFixture.class.getResourceAsStream("kernels/driver_test.ptx")) {
            CUmodule module = new CUmodule();
            ok(cuModuleLoadData(module, new String(in.readAllBytes(), StandardCharsets.UTF_8)));
            return module;
        }
    }

    static CUfunction function(CUmodule module, String name) {
        CUfunction function = new CUfunction();
        ok(cuModuleGetFunction(function, module, name));
        return function;
    }

    static int add(CUfunction kernel, CUstream stream, CUdeviceptr data, int value) {
        return cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, stream, Pointer.to(Pointer.to(data),
            Pointer.to(new int[] {value}), Pointer.to(new int[] {1})), null);
    }

    static long nodes(CUgraph graph) {
        long[] count = new long[1];
        ok(cuGraphGetNodes(graph, null, count));
        return count[0];
    }

    static int[] words(CUdeviceptr address, int count) {
        int[] words = new int[count];
        IntBuffer copy = ByteBuffer.allocateDirect(count * 4).order(ByteOrder.nativeOrder()).asIntBuffer();
        ok(cuMemcpyDtoH(Pointer.to(copy), address, count * 4L));
        copy.get(words);
        return words;
    }

    /** In a thread of its own, whose stack of contexts is empty: what other tests left beneath does not count. */
    static void inNewThread(Runnable body) throws InterruptedException {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread thread = new Thread(body);
        thread.setUncaughtExceptionHandler((self, thrown) -> failure.set(thrown));
        thread.start();
        thread.join();
        if (failure.get() != null) {
            throw new AssertionError(failure.get());
        }
    }
}
