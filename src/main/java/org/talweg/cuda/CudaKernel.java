package org.talweg.cuda;

import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.JCudaDriver;

/** A kernel of a loaded image: found once by name through {@link CudaDevice#kernel}, launched many times. */
final class CudaKernel {
    private final String name;
    private final CUfunction function;
    /** Dynamic shared memory above this many bytes must be asked for before the launch. */
    private int allowedSharedBytes;

    CudaKernel(String name, CUfunction function) {
        this.name = name;
        this.function = function;
        this.allowedSharedBytes = 48 * 1024 - attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
    }

    /** As in {@code extern "C"}. */
    String name() {
        return name;
    }

    CUfunction function() {
        return function;
    }

    /** The driver keeps more than 48 KiB of shared memory a block behind a switch of each kernel. */
    void allowSharedBytes(int bytes) {
        if (bytes > allowedSharedBytes) {
            Cuda.check(JCudaDriver.cuFuncSetAttribute(function,
                CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes),
                "asking for " + bytes + " bytes of dynamic shared memory for kernel " + name);
            allowedSharedBytes = bytes;
        }
    }

    /** How many blocks of this kernel one multiprocessor holds at a time. */
    int blocksPerMultiprocessor(int blockX, int dynamicSharedBytes) {
        allowSharedBytes(dynamicSharedBytes);
        int[] blocks = new int[1];
        Cuda.check(JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, blockX,
            dynamicSharedBytes), "cuOccupancyMaxActiveBlocksPerMultiprocessor for kernel " + name);
        return blocks[0];
    }

    private int attribute(int attribute) {
        int[] value = new int[1];
        Cuda.check(JCudaDriver.cuFuncGetAttribute(value, attribute, function), "cuFuncGetAttribute of " + name);
        return value[0];
    }

    @Override
    public String toString() {
        return name;
    }
}
