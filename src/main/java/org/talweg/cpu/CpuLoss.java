package org.talweg.cpu;

import org.talweg.ops.BatchRows;
import org.talweg.ops.LossOps;
import org.talweg.ops.LossShape;
import org.talweg.tensor.Tensor;

/** Losses row by row, each row's values read from the cache after the first pass. */
final class CpuLoss implements LossOps {
    private double[] exponentials = new double[0];

    @Override
    public void softmaxCrossEntropy(Tensor logits, Tensor labels, BatchRows rows, float gradientScale,
                                    Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        LossShape shape = LossShape.labelled(logits, labels, rows, rowLosses, rowHits, gradient);
        int classes = shape.columns();
        exponentials = exponentials.length < classes ? new double[classes] : exponentials;
        float[] z = Heap.floats(logits);
        for (int i = 0; i < shape.batch(); i++) {
            int start = Heap.start(logits) + i * classes;
            int label = Heap.ints(labels)[Heap.start(labels) + Heap.row(rows, i)];
            boolean inside = label >= 0 && label < classes;
            int largest = 0;
            for (int j = 1; j < classes; j++) {
                largest = z[start + j] > z[start + largest] ? j : largest;
            }
            double max = z[start + largest];
            double sum = 0;
            for (int j = 0; j < classes; j++) {
                exponentials[j] = Math.exp(z[start + j] - max);
                sum += exponentials[j];
            }
            double loss = inside ? Math.log(sum) - (z[start + label] - max) : Double.NaN;
            Heap.floats(rowLosses)[Heap.start(rowLosses) + i] = (float) loss;
            if (rowHits != null) {
                Heap.floats(rowHits)[Heap.start(rowHits) + i] = largest == label && loss == loss ? 1 : 0;
            }
            if (gradient != null) {
                float[] g = Heap.floats(gradient);
                int at = Heap.start(gradient) + i * classes;
                double scale = inside ? gradientScale / sum : Double.NaN;
                for (int j = 0; j < classes; j++) {
                    g[at + j] = (float) (exponentials[j] * scale);
                }
                if (inside) {
                    g[at + label] = (float) (gradientScale * (exponentials[label] / sum - 1));
                }
            }
        }
    }

    @Override
    public void squaredError(Tensor prediction, Tensor target, BatchRows rows, float gradientScale, Tensor rowLosses,
                             Tensor gradient) {
        LossShape shape = LossShape.elementwise(prediction, target, rows, rowLosses, null, gradient);
        int columns = shape.columns();
        float[] p = Heap.floats(prediction);
        float[] t = Heap.floats(target);
        double scale = gradientScale * 2.0 / columns;
        for (int i = 0; i < shape.batch(); i++) {
            int pAt = Heap.start(prediction) + i * columns;
            int tAt = Heap.start(target) + Heap.row(rows, i) * columns;
            double sum = 0;
            for (int j = 0; j < columns; j++) {
                double difference = (double) p[pAt + j] - t[tAt + j];
                sum += difference * difference;
                if (gradient != null) {
                    Heap.floats(gradient)[Heap.start(gradient) + i * columns + j] = (float) (scale * difference);
                }
            }
            Heap.floats(rowLosses)[Heap.start(rowLosses) + i] = (float) (sum / columns);
        }
    }

    @Override
    public void binaryCrossEntropyWithLogits(Tensor logits, Tensor target, BatchRows rows, float gradientScale,
                                             Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        LossShape shape = LossShape.elementwise(logits, target, rows, rowLosses, rowHits, gradient);
        int columns = shape.columns();
        double scale = (double) gradientScale / columns;
        for (int i = 0; i < shape.batch(); i++) {
            int zAt = Heap.start(logits) + i * columns;
            int tAt = Heap.start(target) + Heap.row(rows, i) * columns;
            double sum = 0;
            int hits = 0;
            for (int j = 0; j < columns; j++) {
                double z = Heap.floats(logits)[zAt + j];
                double t = Heap.floats(target)[tAt + j];
                double e = Math.exp(-Math.abs(z));
                sum += Math.max(z, 0) - z * t + Math.log1p(e);
                hits += (z > 0) == (t > 0.5) ? 1 : 0;
                if (gradient != null) {
                    double sigmoid = (z > 0 ? 1 : e) / (1 + e);
                    Heap.floats(gradient)[Heap.start(gradient) + i * columns + j] = (float) (scale * (sigmoid - t));
                }
            }
            Heap.floats(rowLosses)[Heap.start(rowLosses) + i] = (float) (sum / columns);
            if (rowHits != null) {
                Heap.floats(rowHits)[Heap.start(rowHits) + i] = (float) hits / columns;
            }
        }
    }
}
