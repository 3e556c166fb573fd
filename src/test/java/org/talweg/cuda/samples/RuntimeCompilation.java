package org.talweg.cuda.samples;

import static jcuda.driver.JCudaDriver.*;
import static jcuda.nvrtc.JNvrtc.*;

import jcuda.Pointer;
import jcuda.Sizeof;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;
import jcuda.nvrtc.JNvrtc;
import jcuda.nvrtc.nvrtcProgram;

/** Compiles CUDA C++ at run time with NVRTC and runs what comes out. */
public final class RuntimeCompilation {
    private static final String PROGRAM = """
        extern "C" __global__ void saxpy(float a, const float* x, const float* y, float* out, size_t n)
        {
            size_t tid = blockIdx.x * blockDim.x + threadIdx.x;
            if (tid < n) {
                out[tid] = a * x[tid] + y[tid];
            }
        }
        """;

    private RuntimeCompilation() {
    }

    public static void run() {
        JCudaDriver.setExceptionsEnabled(true);
        JNvrtc.setExceptionsEnabled(true);
        cuInit(0);
        CUdevice device = new CUdevice();
        cuDeviceGet(device, 0);
        CUcontext context = new CUcontext();
        cuCtxCreate(context, 0, device);

        nvrtcProgram program = new nvrtcProgram();
        nvrtcCreateProgram(program, PROGRAM, null, 0, null, null);
        nvrtcCompileProgram(program, 0, null);
        String[] programLog = new String[1];
        nvrtcGetProgramLog(program, programLog);
        String[] ptx = new String[1];
        nvrtcGetPTX(program, ptx);
        nvrtcDestroyProgram(program);

        CUmodule module = new CUmodule();
        cuModuleLoadData(module, ptx[0]);
        CUfunction function = new CUfunction();
        cuModuleGetFunction(function, module, "saxpy");
        int n = 1000;
        float[] x = new float[n];
        float[] y = new float[n];
        for (int i = 0; i < n; i++) {
            x[i] = i;
            y[i] = 1;
        }
        long bytes = (long) n * Sizeof.FLOAT;
        CUdeviceptr deviceX = new CUdeviceptr();
        CUdeviceptr deviceY = new CUdeviceptr();
        CUdeviceptr deviceOut = new CUdeviceptr();
        cuMemAlloc(deviceX, bytes);
        cuMemAlloc(deviceY, bytes);
        cuMemAlloc(deviceOut, bytes);
        cuMemcpyHtoD(deviceX, Pointer.to(x), bytes);
        cuMemcpyHtoD(deviceY, Pointer.to(y), bytes);
        cuLaunchKernel(function, (n + 127) / 128, 1, 1, 128, 1, 1, 0, null, Pointer.to(Pointer.to(new float[] {2}),
            Pointer.to(deviceX), Pointer.to(deviceY), Pointer.to(deviceOut), Pointer.to(new long[] {n})), null);
        cuCtxSynchronize();
        float[] out = new float[n];
        cuMemcpyDtoH(Pointer.to(out), deviceOut, bytes);
        for (int i = 0; i < n; i++) {
            if (out[i] != 2f * i + 1) {
                throw new IllegalStateException("element " + i + " is " + out[i]);
            }
        }
        cuMemFree(deviceX);
        cuMemFree(deviceY);
        cuMemFree(deviceOut);
        cuCtxDestroy(context);
    }
}
