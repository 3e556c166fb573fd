package org.talweg.cpu;

import org.talweg.ops.BatchRows;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Tensor;

/** Where a tensor lies in the Java heap. */
final class Heap {
    private Heap() {
    }

    static float[] floats(Tensor tensor) {
        return buffer(tensor).floats();
    }

    static int[] ints(Tensor tensor) {
        return buffer(tensor).ints();
    }

    /** Index of the first element in its array. */
    static int start(Tensor tensor) {
        return buffer(tensor).start() + (int) tensor.offset();
    }

    static float get(Tensor tensor, int index) {
        return floats(tensor)[start(tensor) + index];
    }

    /** Number of the source row that is row {@code i} of the batch. */
    static int row(BatchRows rows, int i) {
        if (rows == null) {
            return i;
        }
        int position = ints(rows.cursor())[start(rows.cursor())] + i;
        return ints(rows.order())[start(rows.order()) + position];
    }

    private static HostBuffer buffer(Tensor tensor) {
        if (tensor.buffer() instanceof HostBuffer buffer) {
            return buffer;
        }
        throw new IllegalArgumentException("tensor " + tensor + " lies in a " + tensor.buffer().getClass()
            .getSimpleName() + ", not in the Java heap; allocate it on the cpu device");
    }
}
