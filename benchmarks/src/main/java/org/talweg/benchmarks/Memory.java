package org.talweg.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.Ops;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** A device and what a benchmark allocates on it. */
final class Memory implements AutoCloseable {
    private final Device device;
    private final List<Tensor> allocated = new ArrayList<>();

    /** @param name any that {@code ./talweg devices} lists */
    Memory(String name) {
        device = Devices.open(name);
    }

    Device device() {
        return device;
    }

    Ops ops() {
        return device.ops();
    }

    /** Uniform in −1 to 1, the same in every run. */
    Tensor random(int... dims) {
        Tensor tensor = zeros(dims);
        device.ops().random().fillUniform(tensor, 42, allocated.size(), -1, 1);
        return tensor;
    }

    Tensor zeros(int... dims) {
        return keep(device.allocate(DType.FLOAT32, Shape.of(dims), "benchmark"));
    }

    Tensor ints(int... values) {
        Tensor tensor = keep(device.allocate(DType.INT32, Shape.of(values.length), "benchmark"));
        device.upload(values, tensor);
        return tensor;
    }

    /** What is allocated from now on is freed when the mark is closed. */
    Mark mark() {
        int before = allocated.size();
        return () -> {
            device.synchronize();
            List<Tensor> later = allocated.subList(before, allocated.size());
            later.forEach(tensor -> tensor.buffer().close());
            later.clear();
        };
    }

    /** See {@link #mark}. */
    interface Mark extends AutoCloseable {
        @Override
        void close();
    }

    private Tensor keep(Tensor tensor) {
        allocated.add(tensor);
        return tensor;
    }

    /** The numbers of a parameter such as {@code 64x128x784} or {@code 784-128-10/64}; JMH ends a value at a comma. */
    static int[] numbers(String parameter) {
        return Arrays.stream(parameter.split("[-x/]")).mapToInt(Integer::parseInt).toArray();
    }

    @Override
    public void close() {
        allocated.forEach(tensor -> tensor.buffer().close());
        device.close();
    }
}
