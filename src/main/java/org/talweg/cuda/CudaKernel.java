package org.talweg.cuda;

import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

/** A kernel of a loaded image: found once by name through {@link CudaDevice#kernel}, launched many times. */
final class CudaKernel {
    /** A function handle whose value can be read, which JCuda keeps to itself. */
    private static final class Handle extends CUfunction {
        long value() {
            return getNativePointer();
        }
    }

    private final String name;
    private final Handle function = new Handle();
    /** Size of each parameter, where the driver tells; a GPU's does not before CUDA 12.4, and JCuda not at all. */
    private final int[] parameterBytes;
    /** Dynamic shared memory above this many bytes must be asked for before the launch. */
    private int allowedSharedBytes;

    CudaKernel(CUmodule module, String family, String name) {
        this.name = name;
        Cuda.check(JCudaDriver.cuModuleGetFunction(function, module, name),
            "looking up kernel " + name + " of family " + family);
        this.parameterBytes = SoftwareDriver.isLoaded() ? SoftwareDriver.parameterBytes(function.value()) : null;
        this.allowedSharedBytes = 48 * 1024 - attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
    }

    /** As in {@code extern "C"}. */
    String name() {
        return name;
    }

    CUfunction function() {
        return function;
    }

    /**
     * The driver copies as many bytes as the kernel declares from wherever the arguments point to, so a forgotten
     * argument, or an {@code int} for a {@code long long}, would go unnoticed and compute nonsense.
     */
    void checkArguments(LaunchArguments arguments) {
        if (parameterBytes == null) {
            return;
        }
        if (arguments.count() != parameterBytes.length) {
            throw new IllegalArgumentException("kernel " + name + " takes " + parameterBytes.length
                + " arguments, not " + arguments.count());
        }
        for (int i = 0; i < parameterBytes.length; i++) {
            if (arguments.bytes(i) != parameterBytes[i]) {
                throw new IllegalArgumentException("argument " + i + " of kernel " + name + " has "
                    + parameterBytes[i] + " bytes, and " + arguments.bytes(i) + " were given");
            }
        }
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
