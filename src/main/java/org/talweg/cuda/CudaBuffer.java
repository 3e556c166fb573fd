package org.talweg.cuda;

import org.talweg.tensor.Buffer;
import org.talweg.tensor.DType;

/** Device memory of one {@link CudaDevice}. */
final class CudaBuffer implements Buffer {
    private final CudaDevice device;
    private final DeviceAddress memory;
    private final DType dtype;
    private final long length;
    private final long ticket;
    private Bfloat16Copy copy;
    private boolean escaped;
    private boolean closed;

    /**
     * @param ticket this allocation's entry in the device's books
     */
    CudaBuffer(CudaDevice device, DeviceAddress memory, DType dtype, long length, long ticket) {
        this.device = device;
        this.memory = memory;
        this.dtype = dtype;
        this.length = length;
        this.ticket = ticket;
    }

    @Override
    public DType dtype() {
        return dtype;
    }

    @Override
    public long length() {
        return length;
    }

    /** Address of the first element on the device. */
    long address() {
        if (closed) {
            throw new IllegalStateException("this " + dtype + " buffer of " + length + " elements is closed");
        }
        return memory.address();
    }

    DeviceAddress memory() {
        return memory;
    }

    long ticket() {
        return ticket;
    }

    CudaDevice device() {
        return device;
    }

    /** Null if there is none. */
    Bfloat16Copy copy() {
        return copy;
    }

    void keep(Bfloat16Copy rounded) {
        copy = rounded;
    }

    /** To be said before anything that may change what is here. */
    void written() {
        if (copy != null) {
            copy.makeStale();
        }
    }

    /** To be said when its address is given to somebody whose launches are not seen. */
    void escape() {
        escaped = true;
    }

    boolean isEscaped() {
        return escaped;
    }

    @Override
    public void close() {
        if (!closed) {
            device.release(this);
            closed = true;
            if (copy != null) {
                copy.close();
            }
        }
    }
}
