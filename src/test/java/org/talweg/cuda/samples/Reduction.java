package org.talweg.cuda.samples;

import static jcuda.driver.JCudaDriver.*;

import java.util.Random;
import jcuda.Pointer;
import jcuda.Sizeof;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/** Sums an array in two passes of a kernel that works in dynamic shared memory. */
public final class Reduction {
    private static final int MAX_THREADS = 128;
    private static final int MAX_BLOCKS = 64;

    private final CUfunction reduceFunction = new CUfunction();
    private final CUdeviceptr deviceBuffer = new CUdeviceptr();

    private Reduction() {
    }

    public static void run(String ptxFileName) {
        JCudaDriver.setExceptionsEnabled(true);
        cuInit(0);
        CUdevice device = new CUdevice();
        cuDeviceGet(device, 0);
        CUcontext context = new CUcontext();
        cuCtxCreate(context, 0, device);
        CUmodule module = new CUmodule();
        cuModuleLoad(module, ptxFileName);

        Reduction reduction = new Reduction();
        cuModuleGetFunction(reduction.reduceFunction, module, "reduce");
        cuMemAlloc(reduction.deviceBuffer, MAX_BLOCKS * (long) Sizeof.FLOAT);
        Random random = new Random(0);
        for (int n : new int[] {1, 31, 1000, 100_000}) {
            float[] hostInput = new float[n];
            double expected = 0;
            for (int i = 0; i < n; i++) {
                hostInput[i] = random.nextFloat();
                expected += hostInput[i];
            }
            float result = reduction.reduce(hostInput);
            if (Math.abs(result - expected) > 1e-4 * expected) {
                throw new IllegalStateException(n + " elements: found " + result + " but expected " + expected);
            }
        }
        cuMemFree(reduction.deviceBuffer);
        cuCtxDestroy(context);
    }

    private float reduce(float[] hostInput) {
        CUdeviceptr deviceInput = new CUdeviceptr();
        cuMemAlloc(deviceInput, hostInput.length * (long) Sizeof.FLOAT);
        cuMemcpyHtoD(deviceInput, Pointer.to(hostInput), hostInput.length * (long) Sizeof.FLOAT);
        int blocks = Math.min(MAX_BLOCKS, (hostInput.length + MAX_THREADS * 2 - 1) / (MAX_THREADS * 2));
        reduce(hostInput.length, MAX_THREADS, blocks, deviceInput, deviceBuffer);
        reduce(blocks, MAX_THREADS, 1, deviceBuffer, deviceBuffer);
        float[] result = {0.0f};
        cuMemcpyDtoH(Pointer.to(result), deviceBuffer, Sizeof.FLOAT);
        cuMemFree(deviceInput);
        return result[0];
    }

    private void reduce(int size, int threads, int blocks, CUdeviceptr input, CUdeviceptr output) {
        int sharedMemSize = threads * Sizeof.FLOAT;
        Pointer kernelParameters = Pointer.to(Pointer.to(input), Pointer.to(output), Pointer.to(new int[] {size}));
        cuLaunchKernel(reduceFunction, blocks, 1, 1, threads, 1, 1, sharedMemSize, null, kernelParameters, null);
        cuCtxSynchronize();
    }
}
