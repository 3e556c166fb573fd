package org.talweg.tape;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.talweg.ops.Device;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Device memory for programs over one tape: results, their gradients and scratch. Programs that never run at the same
 * time share it: one for a smaller batch uses the first rows of the same buffers. Everything is allocated while
 * programs are planned, nothing while they run.
 */
public final class ProgramMemory implements AutoCloseable {
    private record Key(String role, int id) {
    }

    private final Device device;
    private final int rows;
    private final Map<Key, Tensor> tensors = new HashMap<>();
    private final List<Tensor> scratch = new ArrayList<>();
    private final List<Tensor> owned = new ArrayList<>();
    private final Map<Loss, Tensor> losses = new HashMap<>();

    /** @param rows the largest batch of any program in this memory */
    public ProgramMemory(Device device, int rows) {
        if (rows < 1) {
            throw new IllegalArgumentException("a batch of " + rows + " rows; at least 1 is needed");
        }
        this.device = device;
        this.rows = rows;
    }

    public Device device() {
        return device;
    }

    /** [batch×row] for one role of one result; the same memory on every call. */
    Tensor tensor(String role, int id, Shape row, int batch) {
        if (batch < 1 || batch > rows) {
            throw new IllegalArgumentException("a batch of " + batch + " rows in memory for 1 to " + rows);
        }
        return tensors.computeIfAbsent(new Key(role, id),
            key -> device.allocate(DType.FLOAT32, row.batch(rows), role)).rows(0, batch);
    }

    /** Memory for one role of one result that has the same size in every batch; the same on every call. */
    Tensor vector(String role, int id, int elements) {
        return tensors.computeIfAbsent(new Key(role, id), key -> vector(role, elements));
    }

    /** At least so many elements, without a meaning beyond one operation; null for 0. */
    Tensor scratch(long elements) {
        if (elements == 0) {
            return null;
        }
        for (Tensor tensor : scratch) {
            if (tensor.elements() >= elements) {
                return tensor;
            }
        }
        Tensor tensor = vector("workspace", elements);
        scratch.add(tensor);
        return tensor;
    }

    /** Numbers that stay. */
    Tensor table(String purpose, int[] values) {
        Tensor tensor = device.allocate(DType.INT32, Shape.of(values.length), purpose);
        owned.add(tensor);
        device.upload(values, tensor);
        return tensor;
    }

    /** Zeros at first, and whoever takes them writes the same places: the same memory for every so many. */
    Tensor shares(int count, long elements) {
        return vector("shares of the weight gradients", count, Math.toIntExact(count * elements));
    }

    /** Exactly so many elements, never handed out again. */
    Tensor own(String purpose, long elements) {
        Tensor tensor = vector(purpose, elements);
        owned.add(tensor);
        return tensor;
    }

    /**
     * {@link Loss#constants} on the device, the same memory on every call; null if there are none.
     *
     * @param prediction shape of one row's prediction
     */
    public Tensor of(Loss loss, Shape prediction) {
        float[] constants = loss.constants(prediction);
        return constants.length == 0 ? null : losses.computeIfAbsent(loss, key -> {
            Tensor tensor = vector("constants of the loss", constants.length);
            device.upload(constants, tensor);
            return tensor;
        });
    }

    private Tensor vector(String purpose, long elements) {
        return device.allocate(DType.FLOAT32, Shape.of(Math.toIntExact(elements)), purpose);
    }

    @Override
    public void close() {
        for (Collection<Tensor> group : List.of(tensors.values(), scratch, owned, losses.values())) {
            group.forEach(tensor -> tensor.buffer().close());
            group.clear();
        }
    }
}
