package org.talweg.tensor;

/** Element types that kernels know. */
public enum DType {
    /** IEEE 754 binary32, the default for parameters and activations. */
    FLOAT32(4),
    /** IEEE 754 binary64: only the reference computes in it, for finite differences. */
    FLOAT64(8),
    /** Signed 32-bit integers: class labels, row indices, counters. */
    INT32(4);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** Size of one element in bytes. */
    public int bytes() {
        return bytes;
    }

    public boolean isFloat() {
        return this != INT32;
    }
}
