package org.talweg.cuda.conformance;

import static jcuda.driver.JCudaDriver.cuCtxCreate;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuFuncSetAttribute;
import static jcuda.driver.JCudaDriver.cuInit;
import static jcuda.driver.JCudaDriver.cuLaunchCooperativeKernel;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuMemsetD8;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;
import static jcuda.driver.JCudaDriver.cuModuleUnload;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.testing.SoftwareDevice;

/**
 * A kernel made of PTX that a test spells out, run on the software device through JCuda.
 *
 * <p>The body finds {@code %src} and {@code %dst}, the addresses of its thread's own input and output; {@code %in} and
 * {@code %out}, those of the first thread; {@code %id}, the number of the thread in the grid, and {@code %lane}. It
 * declares its other registers itself.
 */
final class Ptx {
    private static CUcontext context;

    private final String body;
    private String declarations = "";
    private String target = "sm_90";
    private String version = "8.4";
    private int block = 32;
    private int grid = 1;
    private int dynamicShared;
    private boolean cooperative;
    private String directives = "";
    private int result;
    private String report = "";

    private Ptx(String body) {
        this.body = body;
    }

    static Ptx kernel(String body) {
        return new Ptx(body);
    }

    /** What stands at module scope, before the kernel. */
    Ptx declare(String text) {
        declarations = text;
        return this;
    }

    Ptx version(String number, String architecture) {
        version = number;
        target = architecture;
        return this;
    }

    Ptx launch(int blocks, int threads) {
        grid = blocks;
        block = threads;
        return this;
    }

    Ptx dynamicShared(int bytes) {
        dynamicShared = bytes;
        return this;
    }

    Ptx cooperative() {
        cooperative = true;
        return this;
    }

    /** The grid is made of clusters of so many blocks. */
    Ptx clusters(int blocks) {
        return directives(".explicitcluster .reqnctapercluster " + blocks);
    }

    /** What stands between the kernel's parameters and its body. */
    Ptx directives(String text) {
        directives = text;
        return this;
    }

    String source() {
        return """
            .version %s
            .target %s
            .address_size 64
            %s
            .visible .entry test(.param .u64 p_in, .param .u64 p_out, .param .u32 p_in_bytes, .param .u32 p_out_bytes) %s
            {
              .reg .u64 %%in, %%out, %%src, %%dst;
              .reg .u32 %%id, %%lane, %%bytes;
              ld.param.u64 %%in, [p_in];
              ld.param.u64 %%out, [p_out];
              mov.u32 %%id, %%ctaid.x;
              mov.u32 %%bytes, %%ntid.x;
              mul.lo.u32 %%id, %%id, %%bytes;
              mov.u32 %%bytes, %%tid.x;
              add.u32 %%id, %%id, %%bytes;
              mov.u32 %%lane, %%laneid;
              ld.param.u32 %%bytes, [p_in_bytes];
              mad.wide.u32 %%src, %%id, %%bytes, %%in;
              ld.param.u32 %%bytes, [p_out_bytes];
              mad.wide.u32 %%dst, %%id, %%bytes, %%out;
            %s
              ret;
            }
            """.formatted(version, target, declarations, directives, body);
    }

    /** Words in, the same number for each thread; {@code each} words a thread out. */
    int[] run(int[] in, int each) {
        int threads = grid * block;
        ByteBuffer bytes = buffer(in.length * 4L);
        bytes.asIntBuffer().put(in);
        ByteBuffer out = run(bytes, in.length * 4 / threads, each * 4);
        int[] words = new int[each * threads];
        out.asIntBuffer().get(words);
        return words;
    }

    long[] run(long[] in, int each) {
        int threads = grid * block;
        ByteBuffer bytes = buffer(in.length * 8L);
        bytes.asLongBuffer().put(in);
        ByteBuffer out = run(bytes, in.length * 8 / threads, each * 8);
        long[] words = new long[each * threads];
        out.asLongBuffer().get(words);
        return words;
    }

    /** The launch must succeed. */
    private ByteBuffer run(ByteBuffer in, int inBytes, int outBytes) {
        ByteBuffer out = buffer((long) outBytes * grid * block);
        attempt(in, inBytes, out, outBytes);
        assertEquals("CUDA_SUCCESS", CUresult.stringFor(result), () -> report + "\n" + source());
        return out;
    }

    /** The launch must fail like this; the JVM and, in a new context, the device live on. Gives the report. */
    String fails(int expected, int[] in, int each) {
        ByteBuffer bytes = buffer(in.length * 4L);
        bytes.asIntBuffer().put(in);
        attempt(bytes, in.length * 4 / (grid * block), buffer(each * 4L * grid * block), each * 4);
        assertEquals(CUresult.stringFor(expected), CUresult.stringFor(result), report);
        return report;
    }

    /** The module must not load. Gives what the driver says. */
    String isRefused() {
        open();
        CUmodule module = new CUmodule();
        assertEquals("CUDA_ERROR_INVALID_PTX", CUresult.stringFor(cuModuleLoadData(module, source())));
        return SoftwareDriver.takeReport();
    }

    /** Why a module does not load; empty if it does, in which case it is unloaded again. */
    static String refusal(String source) {
        open();
        CUmodule module = new CUmodule();
        if (cuModuleLoadData(module, source) != CUresult.CUDA_SUCCESS) {
            return SoftwareDriver.takeReport();
        }
        check(cuModuleUnload(module));
        return "";
    }

    private void attempt(ByteBuffer in, int inBytes, ByteBuffer out, int outBytes) {
        open();
        CUmodule module = new CUmodule();
        int loaded = cuModuleLoadData(module, source());
        assertEquals("CUDA_SUCCESS", CUresult.stringFor(loaded), () -> SoftwareDriver.takeReport() + "\n" + source());
        CUfunction function = new CUfunction();
        check(cuModuleGetFunction(function, module, "test"));
        if (dynamicShared > 48 * 1024) {
            check(cuFuncSetAttribute(function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                dynamicShared));
        }
        CUdeviceptr source = new CUdeviceptr();
        CUdeviceptr destination = new CUdeviceptr();
        check(cuMemAlloc(source, Math.max(in.capacity(), 4)));
        check(cuMemAlloc(destination, Math.max(out.capacity(), 4)));
        check(cuMemcpyHtoD(source, Pointer.to(in), in.capacity()));
        check(cuMemsetD8(destination, (byte) 0, out.capacity()));
        Pointer parameters = Pointer.to(Pointer.to(source), Pointer.to(destination), Pointer.to(new int[] {inBytes}),
            Pointer.to(new int[] {outBytes}));
        result = cooperative
            ? cuLaunchCooperativeKernel(function, grid, 1, 1, block, 1, 1, dynamicShared, null, parameters)
            : cuLaunchKernel(function, grid, 1, 1, block, 1, 1, dynamicShared, null, parameters, null);
        if (result == CUresult.CUDA_SUCCESS) {
            result = cuCtxSynchronize();
        }
        report = SoftwareDriver.takeReport();
        if (result != CUresult.CUDA_SUCCESS) {
            cuCtxDestroy(context);
            context = null;
            return;
        }
        check(cuMemcpyDtoH(Pointer.to(out), destination, out.capacity()));
        check(cuMemFree(source));
        check(cuMemFree(destination));
        check(cuModuleUnload(module));
    }

    /** Makes the context current that all of these kernels run in. */
    static void open() {
        SoftwareDevice.require();
        if (context == null) {
            context = new CUcontext();
            CUdevice device = new CUdevice();
            check(cuInit(0));
            check(cuDeviceGet(device, 0));
            check(cuCtxCreate(context, 0, device));
        } else {
            check(cuCtxSetCurrent(context));
        }
    }

    private static ByteBuffer buffer(long bytes) {
        return ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.nativeOrder());
    }

    private static void check(int result) {
        assertEquals("CUDA_SUCCESS", CUresult.stringFor(result), SoftwareDriver::takeReport);
    }
}
