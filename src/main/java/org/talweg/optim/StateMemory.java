package org.talweg.optim;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.Segments;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** What an optimizer's state owns on a device, closed together. */
final class StateMemory implements AutoCloseable {
    private final Device device;
    private final List<Runnable> closers = new ArrayList<>();

    StateMemory(Device device) {
        this.device = device;
    }

    Device device() {
        return device;
    }

    /** Zero-filled. */
    Tensor vector(long length, String purpose) {
        Tensor tensor = device.allocate(DType.FLOAT32, Shape.of(Math.toIntExact(length)), purpose);
        closers.add(tensor.buffer()::close);
        return tensor;
    }

    Tensor vector(long length, String purpose, float value) {
        Tensor tensor = vector(length, purpose);
        if (value != 0) {
            float[] values = new float[Math.toIntExact(length)];
            Arrays.fill(values, value);
            device.upload(values, tensor);
        }
        return tensor;
    }

    Segments segments(ParameterLayout layout) {
        Segments segments = new Segments(device, layout.segments());
        closers.add(segments::close);
        return segments;
    }

    /** @param segments or null if {@link Clipping#needsSegments} says so */
    Clipping clipping(Clip clip, ParameterLayout layout, Segments segments) {
        Clipping clipping = new Clipping(device, clip, layout, segments);
        closers.add(clipping::close);
        return clipping;
    }

    @Override
    public void close() {
        closers.forEach(Runnable::run);
        closers.clear();
    }
}
