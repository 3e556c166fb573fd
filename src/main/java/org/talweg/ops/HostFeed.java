package org.talweg.ops;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/** A feed for devices that compute in the calling thread: what is sent is there at once. */
final class HostFeed implements Feed {
    private final Device device;
    private final ByteBuffer memory;

    HostFeed(Device device, int bytes) {
        this.device = device;
        try {
            memory = ByteBuffer.allocate(bytes).order(ByteOrder.nativeOrder());
        } catch (OutOfMemoryError e) {
            throw new DeviceMemoryException("not enough Java heap for a feed of " + bytes
                + " bytes; give the JVM more with -Xmx", e);
        }
    }

    @Override
    public ByteBuffer memory() {
        return memory.clear();
    }

    @Override
    public void send(Tensor destination) {
        int elements = Math.toIntExact(destination.elements());
        if (destination.dtype() == DType.INT32) {
            int[] values = new int[elements];
            memory.clear().asIntBuffer().get(values);
            device.upload(values, destination);
        } else {
            float[] values = new float[elements];
            memory.clear().asFloatBuffer().get(values);
            device.upload(values, destination);
        }
    }

    @Override
    public void join() {
        // Done.
    }

    @Override
    public void close() {
        // The heap's.
    }
}
