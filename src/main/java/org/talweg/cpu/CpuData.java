package org.talweg.cpu;

import java.util.Arrays;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DataOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/** Moving data with array copies. */
final class CpuData implements DataOps {

    @Override
    public void gatherRows(Tensor source, BatchRows rows, Tensor destination) {
        Shapes.expect("destination", destination, source.shape().row().batch(destination.dim(0)));
        Shapes.expectType("destination", destination, source.dtype());
        int columns = (int) source.shape().row().elements();
        for (int i = 0; i < destination.dim(0); i++) {
            System.arraycopy(array(source), Heap.start(source) + Heap.row(rows, i) * columns,
                array(destination), Heap.start(destination) + i * columns, columns);
        }
    }

    @Override
    public void zero(Tensor tensor) {
        int start = Heap.start(tensor);
        int end = start + (int) tensor.elements();
        if (tensor.dtype() == DType.INT32) {
            Arrays.fill(Heap.ints(tensor), start, end, 0);
        } else {
            Arrays.fill(Heap.floats(tensor), start, end, 0);
        }
    }

    @Override
    public void copy(Tensor source, Tensor destination) {
        Shapes.expectSameLength("destination", source, destination);
        Shapes.expectType("destination", destination, source.dtype());
        System.arraycopy(array(source), Heap.start(source), array(destination), Heap.start(destination),
            (int) source.elements());
    }

    @Override
    public void combine(Tensor centre, float a, Tensor first, float b, Tensor second, Tensor result) {
        Shapes.expectSameLength("direction or result", centre, first, second, result);
        float[] x = Heap.floats(centre);
        float[] u = Heap.floats(first);
        float[] to = Heap.floats(result);
        int xStart = Heap.start(centre);
        int uStart = Heap.start(first);
        int start = Heap.start(result);
        int length = (int) centre.elements();
        if (second == null) {
            for (int i = 0; i < length; i++) {
                to[start + i] = Math.fma(a, u[uStart + i], x[xStart + i]);
            }
            return;
        }
        float[] v = Heap.floats(second);
        int vStart = Heap.start(second);
        for (int i = 0; i < length; i++) {
            to[start + i] = Math.fma(b, v[vStart + i], Math.fma(a, u[uStart + i], x[xStart + i]));
        }
    }

    private static Object array(Tensor tensor) {
        return tensor.dtype() == DType.INT32 ? Heap.ints(tensor) : Heap.floats(tensor);
    }
}
