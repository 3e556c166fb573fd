package org.talweg.ops;

import java.util.List;
import org.talweg.tensor.Buffer;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * A place to compute: memory, operations, and a way to record them. Opened by name with {@link Devices#open}, or
 * {@link #best}. Closing it frees what is left and warns of each buffer that its owner forgot to close.
 *
 * <p>A device belongs to the thread that opened it. Calls from another thread are an {@link IllegalStateException};
 * {@link #adopt} hands the device over.
 */
public interface Device extends AutoCloseable {

    /** The fastest device here: the first GPU, else the CPU. Logs which and why. */
    static Device best() {
        return Devices.open("best");
    }

    /** As on the command line: {@code cuda:0}, {@code software}, {@code cpu}, {@code reference}. */
    String name();

    /** One line for people: the chip, its memory, which kernel image runs. */
    String description();

    Ops ops();

    /**
     * Whose matrix products the dense layers use of every program that is planned from now on; before the first call our
     * own. What was planned before stays as it is.
     *
     * @throws DeviceException if this device has no such products; says what to do
     */
    default void products(MatrixProducts products) {
        if (products == MatrixProducts.CUBLAS) {
            throw new DeviceException("device " + name() + " is no GPU, and cuBLAS runs on nothing else; open cuda, or let"
                + " the products be talweg's");
        }
    }

    /**
     * Whether programs that are planned from now on have their kernels' tiles chosen by measurement, where a shape was not
     * met before: on for a GPU unless switched off. What was measured is kept on the machine, so that runs repeat their
     * bits there; on another machine sums may be grouped otherwise. When off, tiles follow from shape and chip.
     *
     * @throws DeviceException if it is to be on and nothing can be measured here
     */
    default void autotune(boolean on) {
        if (on) {
            throw new DeviceException("device " + name() + " has no tiles to choose; leave tuning off, or open cuda");
        }
    }

    /**
     * Allocates zero-filled memory.
     *
     * @param purpose what for, in a word or two: it names the buffer in leak reports and out-of-memory errors
     * @throws DeviceMemoryException if there is not enough memory; says how much there is
     */
    Buffer allocate(DType dtype, long length, String purpose);

    /** A fresh zero-filled tensor over a buffer of its own, to be closed through {@link Tensor#buffer()}. */
    default Tensor allocate(DType dtype, Shape shape, String purpose) {
        return new Tensor(allocate(dtype, shape.elements(), purpose), 0, shape);
    }

    /** Copies {@code destination.elements()} values from the array's start, rounding to FLOAT32 storage. */
    void upload(float[] source, Tensor destination);

    void upload(int[] source, Tensor destination);

    /** Waits for the operations before it, then copies {@code source.elements()} values to the array's start. */
    void download(Tensor source, float[] destination);

    void download(Tensor source, int[] destination);

    /**
     * Records the operations that {@code body} calls, without running them. The body must not allocate, copy to or
     * from the host, or wait.
     */
    Recording record(Runnable body);

    /**
     * Host memory that feeds this device beside its computation, to be closed by the caller before the device.
     *
     * @throws DeviceMemoryException if there is not enough memory
     */
    default Feed feed(int bytes) {
        return new HostFeed(this, bytes);
    }

    /** Waits until all operations so far are done, and throws what went wrong in them. */
    void synchronize();

    /** Makes the calling thread the owner. No other thread may be inside a call of this device. */
    void adopt();

    /** Bytes allocated and not yet closed. */
    long bytesAllocated();

    /** One line per buffer not yet closed: purpose, bytes, and where it was allocated. */
    List<String> liveAllocations();

    @Override
    void close();
}
