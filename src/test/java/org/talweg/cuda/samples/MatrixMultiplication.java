package org.talweg.cuda.samples;

import static jcuda.driver.JCudaDriver.*;

import jcuda.Pointer;
import jcuda.Sizeof;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** Tiled matrix product with page-locked memory, a stream and events that take the time. */
public final class MatrixMultiplication {
    private static final int BLOCK_SIZE = 16;

    private MatrixMultiplication() {
    }

    public static void run(String ptxFileName) {
        JCudaDriver.setExceptionsEnabled(true);
        cuInit(0);
        int[] deviceCount = new int[1];
        cuDeviceGetCount(deviceCount);
        if (deviceCount[0] == 0) {
            throw new IllegalStateException("no device");
        }
        CUdevice device = new CUdevice();
        cuDeviceGet(device, 0);
        byte[] name = new byte[256];
        cuDeviceGetName(name, name.length, device);
        int[] major = new int[1];
        cuDeviceGetAttribute(major, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
        CUcontext context = new CUcontext();
        cuDevicePrimaryCtxRetain(context, device);
        cuCtxSetCurrent(context);
        CUmodule module = new CUmodule();
        cuModuleLoad(module, ptxFileName);
        CUfunction function = new CUfunction();
        cuModuleGetFunction(function, module, "matrixMul");

        int widthA = 64;
        int heightA = 96;
        int widthB = 48;
        float[] a = constant(widthA * heightA, 1.0f);
        float[] b = constant(widthB * widthA, 0.01f);
        long bytesC = (long) widthB * heightA * Sizeof.FLOAT;
        CUdeviceptr deviceA = upload(a);
        CUdeviceptr deviceB = upload(b);
        CUdeviceptr deviceC = new CUdeviceptr();
        cuMemAlloc(deviceC, bytesC);
        Pointer hostC = new Pointer();
        cuMemAllocHost(hostC, bytesC);

        CUstream stream = new CUstream();
        cuStreamCreate(stream, 0);
        CUevent start = new CUevent();
        CUevent stop = new CUevent();
        cuEventCreate(start, 0);
        cuEventCreate(stop, 0);
        Pointer kernelParameters = Pointer.to(Pointer.to(deviceC), Pointer.to(deviceA), Pointer.to(deviceB),
            Pointer.to(new int[] {widthA}), Pointer.to(new int[] {widthB}));
        cuEventRecord(start, stream);
        cuLaunchKernel(function, widthB / BLOCK_SIZE, heightA / BLOCK_SIZE, 1, BLOCK_SIZE, BLOCK_SIZE, 1, 0, stream,
            kernelParameters, null);
        cuEventRecord(stop, stream);
        cuMemcpyDtoHAsync(hostC, deviceC, bytesC, stream);
        cuStreamSynchronize(stream);
        float[] milliseconds = new float[1];
        cuEventElapsedTime(milliseconds, start, stop);
        System.out.println("Multiplied on " + new String(name).trim() + " (" + major[0] + ".x) in "
            + milliseconds[0] + " ms");

        for (int i = 0; i < widthB * heightA; i++) {
            float value = hostC.getByteBuffer(0, bytesC).order(java.nio.ByteOrder.nativeOrder()).getFloat(i * 4);
            if (Math.abs(value - widthA * 0.01f) > 1e-4) {
                throw new IllegalStateException("element " + i + " is " + value);
            }
        }
        cuEventDestroy(start);
        cuEventDestroy(stop);
        cuStreamDestroy(stream);
        cuMemFreeHost(hostC);
        cuMemFree(deviceA);
        cuMemFree(deviceB);
        cuMemFree(deviceC);
        cuDevicePrimaryCtxRelease(device);
    }

    private static CUdeviceptr upload(float[] values) {
        CUdeviceptr pointer = new CUdeviceptr();
        cuMemAlloc(pointer, (long) values.length * Sizeof.FLOAT);
        cuMemcpyHtoD(pointer, Pointer.to(values), (long) values.length * Sizeof.FLOAT);
        return pointer;
    }

    private static float[] constant(int size, float value) {
        float[] values = new float[size];
        java.util.Arrays.fill(values, value);
        return values;
    }
}
