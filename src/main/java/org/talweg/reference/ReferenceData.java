package org.talweg.reference;

import org.talweg.ops.BatchRows;
import org.talweg.ops.DataOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/** Moving data, element by element. */
final class ReferenceData implements DataOps {

    @Override
    public void gatherRows(Tensor source, BatchRows rows, Tensor destination) {
        Shapes.expect("destination", destination, source.shape().row().batch(destination.dim(0)));
        Shapes.expectType("destination", destination, source.dtype());
        long columns = source.shape().row().elements();
        Values from = Values.of(source);
        Values to = Values.of(destination);
        for (int i = 0; i < destination.dim(0); i++) {
            long row = Values.sourceRow(rows, i);
            for (long j = 0; j < columns; j++) {
                to.set(i * columns + j, from.get(row * columns + j));
            }
        }
    }

    @Override
    public void zero(Tensor tensor) {
        Values values = Values.of(tensor);
        for (long i = 0; i < values.length(); i++) {
            values.set(i, 0);
        }
    }

    @Override
    public void copy(Tensor source, Tensor destination) {
        Shapes.expectSameLength("destination", source, destination);
        Shapes.expectType("destination", destination, source.dtype());
        Values from = Values.of(source);
        Values to = Values.of(destination);
        for (long i = 0; i < from.length(); i++) {
            to.set(i, from.get(i));
        }
    }

    @Override
    public void combine(Tensor centre, float a, Tensor first, float b, Tensor second, Tensor result) {
        Shapes.expectSameLength("direction or result", centre, first, second, result);
        Values x = Values.of(centre);
        Values u = Values.of(first);
        Values v = second == null ? null : Values.of(second);
        Values to = Values.of(result);
        boolean singlePrecision = result.dtype() == DType.FLOAT32;
        for (long i = 0; i < x.length(); i++) {
            double sum = fma(singlePrecision, a, u.get(i), x.get(i));
            to.set(i, v == null ? sum : fma(singlePrecision, b, v.get(i), sum));
        }
    }

    private static double fma(boolean singlePrecision, double a, double b, double c) {
        return singlePrecision ? Math.fma((float) a, (float) b, (float) c) : Math.fma(a, b, c);
    }
}
