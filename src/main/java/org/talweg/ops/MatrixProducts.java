package org.talweg.ops;

/** Whose matrix products a device runs for dense layers: {@link Device#products}. */
public enum MatrixProducts {
    /** Our own: everything around a product is fused into it. */
    TALWEG,
    /**
     * cuBLAS's, with bias, activation, derivative and sums in kernels of our own around it. Its results are those of the
     * same precision up to rounding, and the same bits again on the same GPU with the same version of the library.
     */
    CUBLAS,
    /**
     * Of both, whichever is measured to be faster for a shape on this GPU; what was measured is kept on the machine. Our
     * own where there is no GPU or no cuBLAS, and then the device says so.
     */
    AUTO
}
