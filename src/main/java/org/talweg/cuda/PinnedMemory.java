package org.talweg.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/**
 * Page-locked host memory, which the device copies from and to without help of the CPU. Unlike
 * {@code Pointer.to(array)} it stops no garbage collection during a driver call.
 */
final class PinnedMemory extends Pointer {
    private final ByteBuffer bytes;

    PinnedMemory(int size) {
        Cuda.check(JCudaDriver.cuMemHostAlloc(this, size, 0), "cuMemHostAlloc of " + size + " bytes");
        bytes = getByteBuffer(0, size).order(ByteOrder.nativeOrder());
    }

    long address() {
        return getNativePointer();
    }

    /** The whole memory; absolute access, or duplicate it. */
    ByteBuffer bytes() {
        return bytes;
    }

    void close() {
        JCudaDriver.cuMemFreeHost(this);
    }
}
