package org.talweg.ops;

import java.util.List;
import java.util.Map;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
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

    @OnEveryDevice
    void combineIsExact(TestDevice on) {
        Draw draw = new Draw(54);
        for (int[] shape : draw.shapes(1, 20, 5000)) {
            int n = shape[0];
            float[] x = draw.withNonFinite(draw.wideReals(n));
            float[] u = draw.wideReals(n);
            float[] v = draw.wideReals(n);
            float a = draw.reals(1, 3)[0];
            float b = draw.reals(1, 3)[0];
            Contract.check(on, "combination of " + n, (ops, memory) -> {
                Tensor centre = memory.input(x, n);
                Tensor first = memory.input(u, n);
                Tensor second = memory.input(v, n);
                Map<String, Tensor> written = Map.of("plane", memory.output(n), "line", memory.output(n),
                    "centre", memory.output(n), "in place", memory.state(x, n));
                ops.data().combine(centre, a, first, b, second, written.get("plane"));
                ops.data().combine(centre, a, first, b, null, written.get("line"));
                ops.data().combine(centre, 0, first, 0, second, written.get("centre"));
                ops.data().combine(written.get("in place"), a, first, b, second, written.get("in place"));
                return written;
            }).expectSameBits();
        }
    }

    /** On aligned tensors, where the kernel takes four elements at a time, and at both ends of an interpolation. */
    @OnEveryDevice
    void combineEndsWhereItShould(TestDevice on) {
        Draw draw = new Draw(55);
        Device device = on.device();
        for (int n : new int[] {1, 4, 6, 129, 1028}) {
            float[] x = draw.wideReals(n);
            float[] y = draw.wideReals(n);
            Tensor from = device.allocate(DType.FLOAT32, Shape.of(n), "from");
            Tensor to = device.allocate(DType.FLOAT32, Shape.of(n), "to");
            Tensor result = device.allocate(DType.FLOAT32, Shape.of(n), "result");
            float[] actual = new float[n];
            device.upload(x, from);
            device.upload(y, to);
            device.ops().data().combine(from, 0, from, 0, to, result);
            device.download(result, actual);
            Contract.expectWithin(on + ", start", x, actual, i -> 0);
            device.ops().data().combine(from, -1, from, 1, to, result);
            device.download(result, actual);
            Contract.expectWithin(on + ", end", y, actual, i -> 0);
            List.of(from, to, result).forEach(tensor -> tensor.buffer().close());
        }
    }
}
