package org.talweg.cuda;

import org.talweg.ops.DeviceException;

/** A CUDA driver call failed. */
public final class CudaException extends DeviceException {
    private static final long serialVersionUID = 1L;

    private final int result;

    CudaException(int result, String message) {
        super(message);
        this.result = result;
    }

    /** The driver's {@code CUresult}, such as 2 for out of memory. */
    public int result() {
        return result;
    }
}
