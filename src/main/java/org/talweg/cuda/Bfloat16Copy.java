package org.talweg.cuda;

import org.talweg.tensor.Buffer;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * The values of a float32 buffer rounded to bfloat16, under the same indices: what tensor cores read of weights, in half the
 * bytes. It is made when {@link CudaDense#plan} first meets the buffer and freed with it.
 *
 * <p>It follows its buffer, whoever writes there. An update writes both. Whatever else is given the buffer to write to
 * ({@link CudaDevice#target}), or might write unseen ({@link CudaDevice#pointer}), makes the copy stale, and a product that
 * reads it has all of it rounded anew. A recording is made as if the copy were up to date when it begins, and
 * {@link CudaRecording#replay} sees to that.
 */
final class Bfloat16Copy {
    /** Of a value. */
    static final int BYTES = 2;

    private final CudaDevice device;
    private final CudaBuffer source;
    private final Buffer memory;
    private boolean stale = true;
    /** Kept while a recording is made. */
    private boolean staleBefore;
    private boolean read;

    Bfloat16Copy(CudaDevice device, CudaBuffer source) {
        this.device = device;
        this.source = source;
        memory = device.allocate(DType.INT32, (source.length() + 1) / 2, "bfloat16 copy of parameters");
    }

    /** Where the values of a tensor over the buffer begin, for an update that writes both. */
    long address(Tensor tensor) {
        return ((CudaBuffer) memory).address() + tensor.offset() * BYTES;
    }

    /** The same to read from, up to date when what is launched next runs. */
    long upToDate(Tensor tensor) {
        refresh();
        read = true;
        return address(tensor);
    }

    /** Two values in each word. */
    Tensor words() {
        return Tensor.of(memory);
    }

    void refresh() {
        if (stale || source.isEscaped()) {
            stale = false;
            CudaElementwise.launch(device, device.kernel("data", "to_bfloat16"), source.length(), device.arguments()
                .address(source.address()).address(((CudaBuffer) memory).address()).int64(source.length()));
        }
    }

    void makeStale() {
        stale = true;
    }

    void beginRecording() {
        staleBefore = stale;
        stale = false;
        read = false;
    }

    /** Whether the recording that is made has read it. */
    boolean isRead() {
        return read;
    }

    /** Whether it is after what was launched, or recorded, last. */
    boolean isStale() {
        return stale;
    }

    void endRecording() {
        stale = staleBefore;
    }

    void close() {
        device.copies().forget(this);
        memory.close();
    }
}
