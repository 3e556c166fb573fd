package org.talweg.ops;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * The table by which one fused update treats each parameter in its own way. The flat buffer is cut into chunks of at
 * most {@value #CHUNK} elements that never straddle a parameter; a block of a kernel takes a chunk, and reads its row
 * of the table once: 16 bytes for up to {@value #CHUNK} × 12 to 28. Frozen parameters have no chunks.
 *
 * <p>Tables: chunks INT32 [chunks×{@value #CHUNK_COLUMNS}]: offset (low word, high word), length, segment. Spans INT32
 * [segments×{@value #SPAN_COLUMNS}]: first chunk, chunks, offset (low word, high word), first unit, elements of a
 * unit. Multipliers FLOAT32 [segments×2]: learning rate, weight decay. Written on the device, 1 at first: factors
 * FLOAT32 [segments], what the step multiplies a segment's gradient by, and ratios FLOAT32 [segments], its update.
 */
public final class Segments implements AutoCloseable {
    /** Most elements of a chunk; a multiple of 4. */
    public static final int CHUNK = 1024;
    public static final int CHUNK_COLUMNS = 4;
    public static final int SPAN_COLUMNS = 6;

    private final List<Segment> list;
    private final int units;
    private final List<Tensor> owned = new ArrayList<>();
    private final Tensor chunks;
    private final Tensor spans;
    private final Tensor multipliers;
    private final Tensor factors;
    private final Tensor ratios;

    /**
     * Allocates the tables.
     *
     * @throws IllegalArgumentException if all segments are frozen
     */
    public Segments(Device device, List<Segment> segments) {
        list = List.copyOf(segments);
        if (list.stream().allMatch(Segment::frozen)) {
            throw new IllegalArgumentException("there is nothing to train: all parameters are frozen, "
                + list.stream().map(Segment::name).toList());
        }
        List<int[]> rows = new ArrayList<>();
        int[] span = new int[list.size() * SPAN_COLUMNS];
        float[] numbers = new float[2 * list.size()];
        float[] ones = new float[list.size()];
        int unit = 0;
        for (int i = 0; i < list.size(); i++) {
            Segment segment = list.get(i);
            int first = rows.size();
            for (long from = 0; from < segment.length() && !segment.frozen(); from += CHUNK) {
                long at = segment.offset() + from;
                rows.add(new int[] {(int) at, (int) (at >> 32), (int) Math.min(CHUNK, segment.length() - from), i});
            }
            int[] row = {first, rows.size() - first, (int) segment.offset(), (int) (segment.offset() >> 32), unit,
                segment.frozen() ? 0 : Math.toIntExact(segment.length() / segment.units())};
            System.arraycopy(row, 0, span, i * SPAN_COLUMNS, SPAN_COLUMNS);
            unit += segment.frozen() ? 0 : segment.units();
            numbers[2 * i] = segment.learningRate();
            numbers[2 * i + 1] = segment.weightDecay();
            ones[i] = 1;
        }
        units = unit;
        chunks = table(device, rows.stream().flatMapToInt(Arrays::stream).toArray(), CHUNK_COLUMNS);
        spans = table(device, span, SPAN_COLUMNS);
        multipliers = own(device.allocate(DType.FLOAT32, Shape.of(list.size(), 2), "segment multipliers"));
        factors = own(device.allocate(DType.FLOAT32, Shape.of(list.size()), "segment factors"));
        device.upload(numbers, multipliers);
        ratios = own(device.allocate(DType.FLOAT32, Shape.of(list.size()), "segment ratios"));
        device.upload(ones, factors);
        device.upload(ones, ratios);
    }

    private Tensor table(Device device, int[] values, int columns) {
        Tensor tensor = own(device.allocate(DType.INT32, Shape.of(values.length / columns, columns), "segment table"));
        device.upload(values, tensor);
        return tensor;
    }

    private Tensor own(Tensor tensor) {
        owned.add(tensor);
        return tensor;
    }

    /** In the order of the flat buffer. */
    public List<Segment> list() {
        return list;
    }

    public Tensor chunks() {
        return chunks;
    }

    public Tensor spans() {
        return spans;
    }

    public Tensor multipliers() {
        return multipliers;
    }

    public Tensor factors() {
        return factors;
    }

    public Tensor ratios() {
        return ratios;
    }

    /** Chunks of all segments that are not frozen: the partial results of a pass over them. */
    public int count() {
        return chunks.dim(0);
    }

    /** Units ({@link Segment#units}) of all segments that are not frozen. */
    public int units() {
        return units;
    }

    @Override
    public void close() {
        owned.forEach(tensor -> tensor.buffer().close());
    }
}
