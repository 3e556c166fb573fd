package org.talweg.cuda;

import java.nio.ByteBuffer;
import org.talweg.ops.Activation;
import org.talweg.tensor.Tensor;

/**
 * The arguments of the next launch, in the kernel's order. A device has one of these and reuses it, so a launch
 * allocates nothing: the driver copies the values before the launch call returns.
 *
 * <p>Pinned memory holds {@value #CAPACITY} pointers and behind them {@value #CAPACITY} eight-byte slots; pointer
 * {@code i} always points to slot {@code i}. So the start of the memory is the {@code void**} that the driver wants.
 */
final class LaunchArguments {
    private static final int CAPACITY = 48;
    private static final int SLOT = Long.BYTES;

    private final PinnedMemory memory;
    private final ByteBuffer slots;
    private final int[] bytes = new int[CAPACITY];
    private int count;

    LaunchArguments() {
        memory = new PinnedMemory(2 * CAPACITY * SLOT);
        slots = memory.bytes();
        for (int i = 0; i < CAPACITY; i++) {
            slots.putLong(i * SLOT, memory.address() + (CAPACITY + i) * SLOT);
        }
    }

    LaunchArguments clear() {
        count = 0;
        return this;
    }

    /** The address of the first element of a tensor that the kernel may write to; null passes a null pointer. */
    LaunchArguments tensor(Tensor tensor) {
        return address(tensor == null ? 0 : CudaDevice.target(tensor));
    }

    /** The same for one that the kernel only reads. */
    LaunchArguments input(Tensor tensor) {
        return address(tensor == null ? 0 : CudaDevice.address(tensor));
    }

    LaunchArguments address(long address) {
        slots.putLong(next(Long.BYTES), address);
        return this;
    }

    /** For {@code int} and {@code unsigned}. */
    LaunchArguments int32(int value) {
        slots.putInt(next(Integer.BYTES), value);
        return this;
    }

    /** For {@code long long} and {@code size_t}. */
    LaunchArguments int64(long value) {
        slots.putLong(next(Long.BYTES), value);
        return this;
    }

    LaunchArguments float32(float value) {
        slots.putFloat(next(Float.BYTES), value);
        return this;
    }

    /** Three arguments: number of the kind, p, q. */
    LaunchArguments activation(Activation activation) {
        return int32(activation.kind().ordinal()).float32(activation.p()).float32(activation.q());
    }

    LaunchArguments float64(double value) {
        slots.putDouble(next(Double.BYTES), value);
        return this;
    }

    /** The {@code void**} of the launch call. */
    PinnedMemory memory() {
        return memory;
    }

    void close() {
        memory.close();
    }

    int count() {
        return count;
    }

    /** Size of the value that argument {@code i} was given. */
    int bytes(int i) {
        return bytes[i];
    }

    private int next(int size) {
        if (count == CAPACITY) {
            throw new IllegalStateException("a kernel takes at most " + CAPACITY + " arguments here");
        }
        bytes[count] = size;
        return (CAPACITY + count++) * SLOT;
    }
}
