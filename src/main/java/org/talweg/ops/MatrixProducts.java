package org.talweg.ops;

/** Whose matrix products a device runs for dense layers: {@link Device#products}. */
public enum MatrixProducts {
    /** Our own: everything around a product is fused into it. */
    TALWEG,
    /**
     * cuBLAS's, with bias, activation, derivative and sums in kernels of our own around it. Its results are those of the
     * same precision up to rounding, and the same bits again on the same GPU with the same version of the library.
     */
    CUBLAS
}
