package org.talweg.cuda;

import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.talweg.ops.DeviceException;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.ops.Precision;

/**
 * cuBLAS in one stream. Its workspace is ours and its atomics are off, so that a product has the same bits each time and
 * a captured one allocates nothing (cuBLAS manual, sections "Results Reproducibility" and "Using cuBLAS with CUDA
 * graphs"). Its matrices lie column after column: ours, seen transposed.
 */
final class Cublas {
    /** What the manual recommends for the newest chips; older ones want less. */
    private static final long WORKSPACE_BYTES = 32L << 20;
    private static final String REMEDY = "; install it (CUDA toolkit 12, or apt-get install libcublas-12-6 from NVIDIA's"
        + " packages), or let the products be talweg's";

    private final cublasHandle handle = new cublasHandle();
    private final DeviceAddress workspace = new DeviceAddress();
    private final Pointer one = Pointer.to(new float[] {1});
    private final Pointer zero = Pointer.to(new float[] {0});

    /** @throws DeviceException if the library is not here or finds no device */
    Cublas(CUstream stream) {
        int status;
        try {
            JCublas2.setExceptionsEnabled(false);
            status = JCublas2.cublasCreate(handle);
        } catch (LinkageError | RuntimeException e) {
            throw new DeviceException("cuBLAS does not load" + REMEDY, e);
        }
        check(status, "cublasCreate");
        int result = JCudaDriver.cuMemAlloc(workspace, WORKSPACE_BYTES);
        if (result != CUresult.CUDA_SUCCESS) {
            JCublas2.cublasDestroy(handle);
            throw result == CUresult.CUDA_ERROR_OUT_OF_MEMORY
                ? new DeviceMemoryException("not enough memory for cuBLAS's workspace of " + WORKSPACE_BYTES + " bytes")
                : Cuda.failure(result, "cuMemAlloc of " + WORKSPACE_BYTES + " bytes for cuBLAS");
        }
        try {
            // The stream first: setting it takes the workspace away.
            check(JCublas2.cublasSetStream(handle, new cudaStream_t(stream)), "cublasSetStream");
            check(JCublas2.cublasSetWorkspace(handle, workspace, WORKSPACE_BYTES), "cublasSetWorkspace");
        } catch (DeviceException e) {
            close();
            throw e;
        }
    }

    /** A row-major factor: where it lies, its columns, and whether it is meant transposed. */
    record Factor(Pointer pointer, int columns, boolean transposed) {
        int operation() {
            return transposed ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
        }

        /** Zero columns have a stride of one. */
        int stride() {
            return Math.max(1, columns);
        }
    }

    /** {@code result} [rows×columns] = left [rows×depth] times right [depth×columns], added to what is there or not. */
    void multiply(Precision precision, int rows, int columns, int depth, Factor left, Factor right, boolean accumulate,
                  Pointer result) {
        check(JCublas2.cublasGemmEx_new(handle, right.operation(), left.operation(), columns, rows, depth, one,
            right.pointer, cudaDataType.CUDA_R_32F, right.stride(), left.pointer, cudaDataType.CUDA_R_32F, left.stride(),
            accumulate ? one : zero, result, cudaDataType.CUDA_R_32F, Math.max(1, columns), compute(precision),
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT), "cublasGemmEx");
    }

    /** As exact as the precision asks for, or more: cuBLAS 12.6 has nothing between tf32 and float32. */
    private static int compute(Precision precision) {
        return switch (precision) {
            case FLOAT32, TF32X3 -> cublasComputeType.CUBLAS_COMPUTE_32F;
            case TF32 -> cublasComputeType.CUBLAS_COMPUTE_32F_FAST_TF32;
            case BF16 -> cublasComputeType.CUBLAS_COMPUTE_32F_FAST_16BF;
        };
    }

    private static void check(int status, String call) {
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw new DeviceException(call + " failed with " + cublasStatus.stringFor(status)
                + "; the products can be talweg's own instead");
        }
    }

    void close() {
        JCublas2.cublasDestroy(handle);
        JCudaDriver.cuMemFree(workspace);
    }
}
