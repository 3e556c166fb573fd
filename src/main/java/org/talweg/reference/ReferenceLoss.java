package org.talweg.reference;

import org.talweg.ops.BatchRows;
import org.talweg.ops.LossOps;
import org.talweg.ops.LossShape;
import org.talweg.tensor.Tensor;

/** Losses row by row, in double. */
final class ReferenceLoss implements LossOps {

    @Override
    public void softmaxCrossEntropy(Tensor logits, Tensor labels, BatchRows rows, float gradientScale,
                                    Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        LossShape shape = LossShape.labelled(logits, labels, rows, rowLosses, rowHits, gradient);
        int classes = shape.columns();
        Values z = Values.of(logits);
        for (int i = 0; i < shape.batch(); i++) {
            long start = (long) i * classes;
            int label = (int) Values.of(labels).get(Values.sourceRow(rows, i));
            boolean inside = label >= 0 && label < classes;
            int largest = 0;
            for (int j = 1; j < classes; j++) {
                if (z.get(start + j) > z.get(start + largest)) {
                    largest = j;
                }
            }
            double max = z.get(start + largest);
            double sum = 0;
            for (int j = 0; j < classes; j++) {
                sum += Math.exp(z.get(start + j) - max);
            }
            double loss = inside ? Math.log(sum) - (z.get(start + label) - max) : Double.NaN;
            Values.of(rowLosses).set(i, loss);
            if (rowHits != null) {
                Values.of(rowHits).set(i, largest == label && !Double.isNaN(loss) ? 1 : 0);
            }
            for (int j = 0; gradient != null && j < classes; j++) {
                double softmax = inside ? Math.exp(z.get(start + j) - max) / sum : Double.NaN;
                Values.of(gradient).set(start + j, gradientScale * (softmax - (j == label ? 1 : 0)));
            }
        }
    }

    @Override
    public void squaredError(Tensor prediction, Tensor target, BatchRows rows, float gradientScale, Tensor rowLosses,
                             Tensor gradient) {
        LossShape shape = LossShape.elementwise(prediction, target, rows, rowLosses, null, gradient);
        int columns = shape.columns();
        Values p = Values.of(prediction);
        Values t = Values.of(target);
        for (int i = 0; i < shape.batch(); i++) {
            long row = Values.sourceRow(rows, i);
            double sum = 0;
            for (int j = 0; j < columns; j++) {
                long at = (long) i * columns + j;
                double difference = p.get(at) - t.get(row * columns + j);
                sum += difference * difference;
                if (gradient != null) {
                    Values.of(gradient).set(at, gradientScale * (2 * difference / columns));
                }
            }
            Values.of(rowLosses).set(i, sum / columns);
        }
    }

    @Override
    public void binaryCrossEntropyWithLogits(Tensor logits, Tensor target, BatchRows rows, float gradientScale,
                                             Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        LossShape shape = LossShape.elementwise(logits, target, rows, rowLosses, rowHits, gradient);
        int columns = shape.columns();
        Values zs = Values.of(logits);
        Values ts = Values.of(target);
        for (int i = 0; i < shape.batch(); i++) {
            long row = Values.sourceRow(rows, i);
            double sum = 0;
            int hits = 0;
            for (int j = 0; j < columns; j++) {
                long at = (long) i * columns + j;
                double z = zs.get(at);
                double t = ts.get(row * columns + j);
                sum += Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z)));
                hits += (z > 0) == (t > 0.5) ? 1 : 0;
                if (gradient != null) {
                    Values.of(gradient).set(at, gradientScale * ((1 / (1 + Math.exp(-z)) - t) / columns));
                }
            }
            Values.of(rowLosses).set(i, sum / columns);
            if (rowHits != null) {
                Values.of(rowHits).set(i, (double) hits / columns);
            }
        }
    }
}
