package org.talweg.optim;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.ops.Device;
import org.talweg.ops.Segments;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** What an optimizer's state owns on a device, closed together. */
final class StateMemory implements AutoCloseable {
    private final Device device;
    private final List<Runnable> closers = new ArrayList<>();
    private final Map<String, Tensor> remembered = new LinkedHashMap<>();

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

    /** As {@link #vector(long, String, float)}; {@link #save} has it under its purpose. */
    Tensor remembered(long length, String purpose, float value) {
        Tensor tensor = vector(length, purpose, value);
        remembered.put(purpose, tensor);
        return tensor;
    }

    /** What is {@link #remembered}. */
    SavedState save() {
        Map<String, float[]> vectors = new LinkedHashMap<>();
        remembered.forEach((name, tensor) -> vectors.put(name, download(tensor)));
        return new SavedState(vectors, Map.of());
    }

    void restore(SavedState saved) {
        remembered.forEach((name, tensor) -> upload(saved, name, tensor));
    }

    float[] download(Tensor tensor) {
        float[] values = new float[Math.toIntExact(tensor.elements())];
        device.download(tensor, values);
        return values;
    }

    void upload(SavedState saved, String name, Tensor tensor) {
        device.upload(saved.vector(name, tensor.elements()), tensor);
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
