package org.talweg.benchmarks;

import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.talweg.cuda.CudaDevice;
import org.talweg.ops.Precision;
import org.talweg.tensor.Tensor;

/**
 * The bare products of a dense layer by cuBLAS, without what surrounds them, whose matrices lie column after column: ours,
 * seen transposed. Operands are float32 in memory, as ours are.
 */
final class CublasYardstick implements AutoCloseable {
    private static String missing = "not looked for";

    private final CudaDevice device;
    private final cublasHandle handle = new cublasHandle();
    private final Pointer one = Pointer.to(new float[] {1});
    private final Pointer zero = Pointer.to(new float[] {0});

    private CublasYardstick(CudaDevice device) {
        this.device = device;
        check(JCublas2.cublasCreate(handle));
        check(JCublas2.cublasSetStream(handle, new cudaStream_t(device.stream())));
    }

    /** Null if the library is not there; {@link #missing} says why. */
    static CublasYardstick open(CudaDevice device) {
        try {
            JCublas2.setExceptionsEnabled(false);
            return new CublasYardstick(device);
        } catch (LinkageError | RuntimeException e) {
            missing = e.getMessage() == null ? e.toString() : e.getMessage().lines().findFirst().orElse("");
            return null;
        }
    }

    static String missing() {
        return missing;
    }

    /** @param x [m×k], w [n×k], result [m×n] */
    void forward(Precision precision, Tensor x, Tensor w, Tensor result) {
        int m = x.dim(0);
        int n = w.dim(0);
        int k = w.dim(1);
        gemm(precision, cublasOperation.CUBLAS_OP_T, cublasOperation.CUBLAS_OP_N, n, m, k, w, x, result);
    }

    /** @param dz [m×n], w [n×k], result [m×k] */
    void backwardInput(Precision precision, Tensor dz, Tensor w, Tensor result) {
        gemm(precision, cublasOperation.CUBLAS_OP_N, cublasOperation.CUBLAS_OP_N, w.dim(1), dz.dim(0), w.dim(0), w, dz,
            result);
    }

    /** @param x [m×k], dz [m×n], result [n×k] */
    void backwardWeights(Precision precision, Tensor x, Tensor dz, Tensor result) {
        gemm(precision, cublasOperation.CUBLAS_OP_N, cublasOperation.CUBLAS_OP_T, x.dim(1), dz.dim(1), x.dim(0), x, dz,
            result);
    }

    private void gemm(Precision precision, int left, int right, int rows, int columns, int depth, Tensor a, Tensor b,
                      Tensor c) {
        check(JCublas2.cublasGemmEx_new(handle, left, right, rows, columns, depth, one, device.pointer(a),
            cudaDataType.CUDA_R_32F, a.dim(1), device.pointer(b), cudaDataType.CUDA_R_32F, b.dim(1), zero, device.pointer(c),
            cudaDataType.CUDA_R_32F, c.dim(1), compute(precision), cublasGemmAlgo.CUBLAS_GEMM_DEFAULT));
    }

    /** It has nothing between tf32 and float32: what {@link Precision#TF32X3} is measured by is float32. */
    private static int compute(Precision precision) {
        return switch (precision) {
            case FLOAT32, TF32X3 -> cublasComputeType.CUBLAS_COMPUTE_32F;
            case TF32 -> cublasComputeType.CUBLAS_COMPUTE_32F_FAST_TF32;
            case BF16 -> cublasComputeType.CUBLAS_COMPUTE_32F_FAST_16BF;
        };
    }

    private static void check(int status) {
        if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
            throw new IllegalStateException("cuBLAS: " + cublasStatus.stringFor(status));
        }
    }

    @Override
    public void close() {
        JCublas2.cublasDestroy(handle);
    }
}
