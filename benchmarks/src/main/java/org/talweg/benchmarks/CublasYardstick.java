package org.talweg.benchmarks;

import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.runtime.cudaStream_t;
import org.talweg.cuda.CudaDevice;
import org.talweg.tensor.Tensor;

/** The products of a dense layer by cuBLAS, whose matrices lie column after column: ours, seen transposed. */
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
            return new CublasYardstick(device);
        } catch (LinkageError | RuntimeException e) {
            missing = e.getMessage() == null ? e.toString() : e.getMessage().lines().findFirst().orElse("");
            return null;
        }
    }

    static String missing() {
        return missing;
    }

    /** @param product {@code forward}, {@code dX} or {@code dW}; x [m×k], w [n×k], dz [m×n], dw [n×k] */
    void multiply(String product, Tensor x, Tensor w, Tensor dz, Tensor dw) {
        int m = x.dim(0);
        int n = w.dim(0);
        int k = w.dim(1);
        switch (product) {
            case "forward" -> sgemm(cublasOperation.CUBLAS_OP_T, cublasOperation.CUBLAS_OP_N, n, m, k, w, k, x, k, dz, n);
            case "dX" -> sgemm(cublasOperation.CUBLAS_OP_N, cublasOperation.CUBLAS_OP_N, k, m, n, w, k, dz, n, x, k);
            default -> sgemm(cublasOperation.CUBLAS_OP_N, cublasOperation.CUBLAS_OP_T, k, n, m, x, k, dz, n, dw, k);
        }
    }

    private void sgemm(int left, int right, int rows, int columns, int depth, Tensor a, int aStep, Tensor b, int bStep,
                       Tensor c, int cStep) {
        check(JCublas2.cublasSgemm(handle, left, right, rows, columns, depth, one, device.pointer(a), aStep,
            device.pointer(b), bStep, zero, device.pointer(c), cStep));
    }

    private static void check(int status) {
        if (status != 0) {
            throw new IllegalStateException("cuBLAS: " + JCublas2.cublasGetStatusName(status));
        }
    }

    @Override
    public void close() {
        JCublas2.cublasDestroy(handle);
    }
}
