package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Tensors of a launch, and what the launch has to move for them at least: each is said to be read or written as it is made,
 * once, in sectors of 32 bytes.
 */
final class Traffic implements AutoCloseable {
    private static final int SECTOR_BYTES = 32;

    private final Device device;
    private final List<AutoCloseable> owned = new ArrayList<>();
    private long read;
    private long written;

    Traffic(Device device) {
        this.device = device;
    }

    Device device() {
        return device;
    }

    Ops ops() {
        return device.ops();
    }

    /** A tensor that the launch reads. Nowhere 0: some losses need not look at the prediction of a target that is 0. */
    Tensor read(int... dims) {
        return read(floats(dims));
    }

    Tensor written(int... dims) {
        return written(floats(dims));
    }

    /** Both. */
    Tensor updated(int... dims) {
        return read(written(dims));
    }

    /** As {@link #read(int...)}, of whole numbers from 0, beginning anew at {@code limit}. */
    Tensor readNumbers(int count, int limit) {
        return read(numbers(count, limit));
    }

    Tensor read(Tensor tensor) {
        read += sectors(tensor);
        return tensor;
    }

    Tensor written(Tensor tensor) {
        written += sectors(tensor);
        return tensor;
    }

    /** A tensor that the launch, or the one before it, may use as it likes. */
    Tensor floats(int... dims) {
        Tensor tensor = own(device.allocate(DType.FLOAT32, Shape.of(dims), "test"));
        float[] values = new float[(int) tensor.elements()];
        Arrays.fill(values, 0.5f);
        device.upload(values, tensor);
        return tensor;
    }

    Tensor numbers(int count, int limit) {
        Tensor tensor = own(device.allocate(DType.INT32, Shape.of(count), "test"));
        int[] values = new int[count];
        Arrays.setAll(values, i -> i % limit);
        device.upload(values, tensor);
        return tensor;
    }

    private Tensor own(Tensor tensor) {
        own(tensor.buffer());
        return tensor;
    }

    <T extends AutoCloseable> T own(T resource) {
        owned.add(resource);
        return resource;
    }

    private static long sectors(Tensor tensor) {
        return (tensor.elements() * Float.BYTES + SECTOR_BYTES - 1) / SECTOR_BYTES;
    }

    long floorBytes() {
        return SECTOR_BYTES * (read + written);
    }

    /** Everything once, and as many sectors a request as its bytes fill. */
    void expect(KernelProfile launch, double slack) {
        double ratio = (double) launch.bytes() / floorBytes();
        assertTrue(ratio >= 1 && ratio <= slack, ratio + " of the floor of " + floorBytes() + " bytes: " + launch);
        assertEquals(launch.loads().idealSectors(), launch.loads().sectors(), "sectors of loads: " + launch);
        assertEquals(launch.stores().idealSectors(), launch.stores().sectors(), "sectors of stores: " + launch);
        assertEquals(0, launch.shared().conflicts(), "bank conflicts: " + launch);
    }

    @Override
    public void close() throws Exception {
        for (AutoCloseable resource : owned) {
            resource.close();
        }
    }
}
