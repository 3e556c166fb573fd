package org.talweg.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;

import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;

/** What a GPU is: its name, and the numbers that launches are planned by. */
final class Chip {
    /** The first compute capability with asynchronous copies. */
    private static final int ASYNCHRONOUS_COPIES = 80;

    private final CUdevice ordinal = new CUdevice();
    private final int computeCapability;
    private final int multiprocessors;

    Chip(int index) {
        Cuda.check(JCudaDriver.cuDeviceGet(ordinal, index), "cuDeviceGet of device " + index);
        computeCapability = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) * 10
            + attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
        multiprocessors = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    }

    CUdevice ordinal() {
        return ordinal;
    }

    String name() {
        byte[] name = new byte[256];
        Cuda.check(JCudaDriver.cuDeviceGetName(name, name.length, ordinal), "cuDeviceGetName");
        return GpuProbe.text(name);
    }

    String describe() {
        long[] bytes = new long[1];
        Cuda.check(JCudaDriver.cuDeviceTotalMem(bytes, ordinal), "cuDeviceTotalMem");
        return String.format("%s, compute capability %d.%d, %d multiprocessors, %.1f GiB", name(), computeCapability / 10,
            computeCapability % 10, multiprocessors, bytes[0] / (double) (1L << 30));
    }

    /** Ten times the major plus the minor number: 90 for an H100. */
    int computeCapability() {
        return computeCapability;
    }

    int multiprocessors() {
        return multiprocessors;
    }

    /** Whether it has cp.async, PTX ISA, "Asynchronous copy". */
    boolean copiesAsynchronously() {
        return computeCapability >= ASYNCHRONOUS_COPIES;
    }

    /** One of the {@code CU_DEVICE_ATTRIBUTE_} numbers. */
    int attribute(int attribute) {
        int[] value = new int[1];
        Cuda.check(JCudaDriver.cuDeviceGetAttribute(value, attribute, ordinal), "cuDeviceGetAttribute " + attribute);
        return value[0];
    }

    /** Version of the driver, the newest CUDA it can run: 12040 for 12.4. */
    static int driver() {
        int[] version = new int[1];
        Cuda.check(JCudaDriver.cuDriverGetVersion(version), "cuDriverGetVersion");
        return version[0];
    }
}
