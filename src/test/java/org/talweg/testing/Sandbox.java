package org.talweg.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.ops.Segment;
import org.talweg.ops.Segments;
import org.talweg.tensor.Buffer;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Memory for one call of an operation. Every tensor is a view in the middle of a larger buffer, at an offset that is
 * now and then no multiple of 16 bytes; around it stands a fence of NaN, which spoils the result if it is read and is
 * found damaged if it is written. Outputs hold another NaN beforehand. Inputs must keep their bits.
 */
public final class Sandbox implements AutoCloseable {
    private static final int FENCE = 64;
    private static final int FENCE_BITS = 0x7fc0fe7c;
    private static final int POISON_BITS = 0x7fc0bad1;

    /** Calls one operation and names what it wrote. */
    @FunctionalInterface
    public interface Operation {
        Map<String, Tensor> run(Ops ops, Sandbox memory);
    }

    private record Plot(Tensor tensor, Tensor whole, int[] bits, boolean input) {
    }

    private final Device device;
    private final List<Plot> plots = new ArrayList<>();
    private final List<Segments> tables = new ArrayList<>();

    private Sandbox(Device device) {
        this.device = device;
    }

    /** Runs {@code operation}, checks fences and inputs, and returns the bits it wrote, by name. */
    public static Map<String, int[]> run(Device device, Operation operation) {
        try (Sandbox memory = new Sandbox(device)) {
            Map<String, Tensor> written = operation.run(device.ops(), memory);
            Map<String, int[]> results = new LinkedHashMap<>();
            written.forEach((name, tensor) -> results.put(name, memory.bits(tensor)));
            memory.checkFences();
            return results;
        }
    }

    /** Values that the operation must leave alone. */
    public Tensor input(float[] values, int... dims) {
        return place(bits(values), DType.FLOAT32, true, dims);
    }

    /** Values that the operation must leave alone. */
    public Tensor input(int[] values, int... dims) {
        return place(values, DType.INT32, true, dims);
    }

    /** Values that the operation changes. */
    public Tensor state(float[] values, int... dims) {
        return place(bits(values), DType.FLOAT32, false, dims);
    }

    /** Values that the operation changes. */
    public Tensor state(int[] values, int... dims) {
        return place(values, DType.INT32, false, dims);
    }

    /** Poisoned memory that the operation must fill. */
    public Tensor output(int... dims) {
        return output(DType.FLOAT32, dims);
    }

    public Tensor output(DType dtype, int... dims) {
        int[] poison = new int[(int) Shape.of(dims).elements()];
        Arrays.fill(poison, POISON_BITS);
        return place(poison, dtype, false, dims);
    }

    /** {@link #state} with these values if {@code accumulate}, else {@link #output}. */
    public Tensor stateOrOutput(boolean accumulate, float[] values, int... dims) {
        return accumulate ? state(values, dims) : output(dims);
    }

    /** A table of segments, closed with the sandbox. */
    public Segments segments(Segment... list) {
        Segments segments = new Segments(device, List.of(list));
        tables.add(segments);
        return segments;
    }

    /** Changes what {@link #segments} allocated. */
    public void upload(float[] values, Tensor destination) {
        device.upload(values, destination);
    }

    private Tensor place(int[] bits, DType dtype, boolean input, int... dims) {
        Shape shape = Shape.of(dims);
        assertEquals(shape.elements(), bits.length, "values for shape " + shape);
        int offset = FENCE + plots.size() * 3 % 4;
        int[] all = new int[offset + bits.length + FENCE];
        Arrays.fill(all, FENCE_BITS);
        System.arraycopy(bits, 0, all, offset, bits.length);
        Buffer buffer = device.allocate(dtype, all.length, "sandbox");
        Tensor whole = Tensor.of(buffer);
        if (dtype == DType.INT32) {
            device.upload(all, whole);
        } else {
            device.upload(floats(all), whole);
        }
        Tensor tensor = whole.view(offset, shape);
        plots.add(new Plot(tensor, whole, bits.clone(), input));
        return tensor;
    }

    private int[] bits(Tensor tensor) {
        if (tensor.dtype() == DType.INT32) {
            int[] values = new int[(int) tensor.elements()];
            device.download(tensor, values);
            return values;
        }
        float[] values = new float[(int) tensor.elements()];
        device.download(tensor, values);
        return bits(values);
    }

    private void checkFences() {
        for (int p = 0; p < plots.size(); p++) {
            Plot plot = plots.get(p);
            int[] all = bits(plot.whole);
            int offset = (int) plot.tensor.offset();
            for (int i = 0; i < all.length; i++) {
                boolean inside = i >= offset && i < offset + plot.bits.length;
                if (!inside && all[i] != FENCE_BITS) {
                    fail("fence of tensor number " + p + " " + plot.tensor + " was written at element "
                        + (i - offset));
                }
                if (inside && plot.input && all[i] != plot.bits[i - offset]) {
                    fail("input number " + p + " " + plot.tensor + " was changed at element " + (i - offset));
                }
            }
        }
    }

    public static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < values.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }

    public static float[] floats(int[] bits) {
        float[] values = new float[bits.length];
        for (int i = 0; i < bits.length; i++) {
            values[i] = Float.intBitsToFloat(bits[i]);
        }
        return values;
    }

    @Override
    public void close() {
        plots.forEach(plot -> plot.whole.buffer().close());
        tables.forEach(Segments::close);
    }
}
