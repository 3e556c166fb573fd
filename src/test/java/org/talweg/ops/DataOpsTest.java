package org.talweg.ops;

import java.util.Map;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** {@link DataOps}: bits arrive as they were. */
class DataOpsTest {

    @OnEveryDevice
    void gatherMovesRows(TestDevice on) {
        Draw draw = new Draw(51);
        for (int[] shape : draw.shapes(2, 16, 20_000)) {
            int rows = shape[0];
            int columns = shape[1];
            int sourceRows = 1 + draw.below(2 * rows);
            int cursor = draw.below(5);
            int[] order = draw.indices(cursor + rows + 2, sourceRows);
            float[] floats = draw.withNonFinite(draw.reals(sourceRows * columns, 5));
            int[] ints = draw.indices(sourceRows * columns, Integer.MAX_VALUE);
            boolean whole = draw.flag();
            Contract.check(on, "gather of " + rows + " rows of " + columns + (whole ? " ints" : " floats"),
                (ops, memory) -> {
                    Tensor source = whole ? memory.input(ints, sourceRows, columns)
                        : memory.input(floats, sourceRows, columns);
                    Tensor destination = memory.output(source.dtype(), rows, columns);
                    ops.data().gatherRows(source, new BatchRows(memory.input(order, order.length),
                        memory.input(new int[] {cursor}, 1)), destination);
                    return Map.of("rows", destination);
                }).expectSameBits();
        }
    }

    @OnEveryDevice
    void gatherMovesLabels(TestDevice on) {
        Draw draw = new Draw(52);
        int[] labels = draw.indices(40, 10);
        int[] order = draw.indices(33, 40);
        Contract.check(on, "gather of 31 labels", (ops, memory) -> {
            Tensor destination = memory.output(DType.INT32, 31);
            ops.data().gatherRows(memory.input(labels, 40), new BatchRows(memory.input(order, 33),
                memory.input(new int[] {2}, 1)), destination);
            return Map.of("labels", destination);
        }).expectSameBits();
    }

    @OnEveryDevice
    void zeroAndCopy(TestDevice on) {
        Draw draw = new Draw(53);
        for (int[] shape : draw.shapes(1, 14, 1000)) {
            int n = shape[0];
            float[] floats = draw.withNonFinite(draw.wideReals(n));
            int[] ints = draw.indices(n, Integer.MAX_VALUE);
            Contract.check(on, "zero and copy of " + n, (ops, memory) -> {
                Map<String, Tensor> written = Map.of("zeros", memory.output(n), "copy", memory.output(n),
                    "int zeros", memory.output(DType.INT32, n), "int copy", memory.output(DType.INT32, n));
                ops.data().zero(written.get("zeros"));
                ops.data().zero(written.get("int zeros"));
                ops.data().copy(memory.input(floats, n), written.get("copy"));
                ops.data().copy(memory.input(ints, n), written.get("int copy"));
                return written;
            }).expectSameBits();
        }
    }
}
