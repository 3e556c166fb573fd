package org.talweg.cuda.samples;

import static jcuda.driver.JCudaDriver.*;

import jcuda.Pointer;
import jcuda.Sizeof;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/** Adds two vectors with a kernel that nvcc compiled to PTX beforehand. */
public final class VectorAddition {
    private VectorAddition() {
    }

    public static void run(String ptxFileName) {
        JCudaDriver.setExceptionsEnabled(true);

        // Initialize the driver and create a context for the first device.
        cuInit(0);
        CUdevice device = new CUdevice();
        cuDeviceGet(device, 0);
        CUcontext context = new CUcontext();
        cuCtxCreate(context, 0, device);

        // Load the PTX file and obtain the kernel.
        CUmodule module = new CUmodule();
        cuModuleLoad(module, ptxFileName);
        CUfunction function = new CUfunction();
        cuModuleGetFunction(function, module, "add");

        int numElements = 100_000;
        float[] hostInputA = new float[numElements];
        float[] hostInputB = new float[numElements];
        for (int i = 0; i < numElements; i++) {
            hostInputA[i] = i;
            hostInputB[i] = 2 * i;
        }

        CUdeviceptr deviceInputA = new CUdeviceptr();
        cuMemAlloc(deviceInputA, (long) numElements * Sizeof.FLOAT);
        cuMemcpyHtoD(deviceInputA, Pointer.to(hostInputA), (long) numElements * Sizeof.FLOAT);
        CUdeviceptr deviceInputB = new CUdeviceptr();
        cuMemAlloc(deviceInputB, (long) numElements * Sizeof.FLOAT);
        cuMemcpyHtoD(deviceInputB, Pointer.to(hostInputB), (long) numElements * Sizeof.FLOAT);
        CUdeviceptr deviceOutput = new CUdeviceptr();
        cuMemAlloc(deviceOutput, (long) numElements * Sizeof.FLOAT);

        // Pointers to the kernel's parameters, which are in turn pointers to the values.
        Pointer kernelParameters = Pointer.to(
            Pointer.to(new int[] {numElements}),
            Pointer.to(deviceInputA),
            Pointer.to(deviceInputB),
            Pointer.to(deviceOutput));

        int blockSizeX = 256;
        int gridSizeX = (int) Math.ceil((double) numElements / blockSizeX);
        cuLaunchKernel(function, gridSizeX, 1, 1, blockSizeX, 1, 1, 0, null, kernelParameters, null);
        cuCtxSynchronize();

        float[] hostOutput = new float[numElements];
        cuMemcpyDtoH(Pointer.to(hostOutput), deviceOutput, (long) numElements * Sizeof.FLOAT);
        for (int i = 0; i < numElements; i++) {
            float expected = i + 2f * i;
            if (Math.abs(hostOutput[i] - expected) > 1e-5) {
                throw new IllegalStateException("at index " + i + " found " + hostOutput[i] + " but expected "
                    + expected);
            }
        }

        cuMemFree(deviceInputA);
        cuMemFree(deviceInputB);
        cuMemFree(deviceOutput);
        cuModuleUnload(module);
        cuCtxDestroy(context);
    }
}
