package org.talweg.cpu;

import org.talweg.ops.BatchRows;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.ElementwiseLoss;
import org.talweg.ops.LossBatch;
import org.talweg.ops.LossOps;
import org.talweg.tensor.Tensor;

/** Losses row by row, each row's values read from the cache after the first pass. */
final class CpuLoss implements LossOps {
    private static final double SMALL = 1e-5;

    private double[] exponentials = new double[0];
    private double[] shares = new double[0];

    @Override
    public void crossEntropy(CrossEntropy loss, LossBatch batch, Tensor classWeights, Tensor factors) {
        batch.expectColumns("class weights", classWeights);
        int classes = batch.columns();
        if (exponentials.length < classes) {
            exponentials = new double[classes];
            shares = new double[classes];
        }
        float[] x = Heap.floats(batch.prediction());
        double factor = at(factors, 0);
        double scale = batch.gradientScale() * factor;
        for (int i = 0; i < batch.size(); i++) {
            int start = Heap.start(batch.prediction()) + i * classes;
            int row = Heap.row(batch.rows(), i);
            double total = share(loss, batch, classWeights, row);
            int largest = largest(x, start, classes);
            double max = x[start + Math.max(largest, 0)];
            double sum = 0;
            for (int j = 0; loss.logits() && j < classes; j++) {
                exponentials[j] = Math.exp(x[start + j] - max);
                sum += exponentials[j];
            }
            double value = 0;
            for (int j = 0; j < classes; j++) {
                value -= shares[j] == 0 ? 0 : shares[j] * (loss.logits() ? x[start + j] - max : x[start + j]);
            }
            if (loss.logits() && total != 0) {
                value += total * Math.log(sum);
            }
            Heap.floats(batch.rowLosses())[Heap.start(batch.rowLosses()) + i] =
                (float) (batch.lossScale() * factor * value);
            if (batch.rowHits() != null) {
                boolean hit = largest >= 0 && largest == wanted(loss, batch, row) && value == value;
                Heap.floats(batch.rowHits())[Heap.start(batch.rowHits()) + i] = hit ? (float) at(factors, 1) : 0;
            }
            if (batch.gradient() != null) {
                float[] g = Heap.floats(batch.gradient());
                int at = Heap.start(batch.gradient()) + i * classes;
                double perExponential = loss.logits() ? total / sum : 0;
                for (int j = 0; j < classes; j++) {
                    double softmax = loss.logits() ? perExponential * exponentials[j] : 0;
                    g[at + j] = (float) (scale * (softmax - shares[j]));
                }
            }
        }
    }

    /** Fills {@link #shares} with what each class's −log p is multiplied by, and returns their sum. */
    private double share(CrossEntropy loss, LossBatch batch, Tensor classWeights, int row) {
        int classes = batch.columns();
        double kept = 1 - (double) loss.labelSmoothing();
        double uniform = (double) loss.labelSmoothing() / classes;
        int label = -1;
        if (batch.isLabelled()) {
            label = Heap.ints(batch.target())[Heap.start(batch.target()) + row];
            boolean ignored = label == loss.ignoredLabel();
            uniform = ignored ? 0 : label < 0 || label >= classes ? Double.NaN : uniform;
            kept = ignored ? 0 : kept;
        }
        double total = 0;
        for (int j = 0; j < classes; j++) {
            double target = batch.isLabelled() ? j == label ? 1 : 0
                : Heap.floats(batch.target())[Heap.start(batch.target()) + row * classes + j];
            shares[j] = at(classWeights, j) * (kept * target + uniform);
            total += shares[j];
        }
        return total;
    }

    private static int wanted(CrossEntropy loss, LossBatch batch, int row) {
        int start = Heap.start(batch.target());
        if (batch.isLabelled()) {
            int label = Heap.ints(batch.target())[start + row];
            return label == loss.ignoredLabel() ? -1 : label;
        }
        return largest(Heap.floats(batch.target()), start + row * batch.columns(), batch.columns());
    }

    /** The first largest, among which no NaN counts; −1 if all are NaN. */
    private static int largest(float[] values, int start, int count) {
        int largest = -1;
        for (int j = 0; j < count; j++) {
            float value = values[start + j];
            largest = largest < 0 ? value == value ? j : -1 : value > values[start + largest] ? j : largest;
        }
        return largest;
    }

    @Override
    public void labelFactors(CrossEntropy loss, Tensor labels, BatchRows rows, int count, Tensor classWeights,
                             boolean weightedMean, Tensor factors) {
        double weight = 0;
        int kept = 0;
        for (int i = 0; i < count; i++) {
            int label = Heap.ints(labels)[Heap.start(labels) + Heap.row(rows, i)];
            if (label != loss.ignoredLabel()) {
                boolean outside = classWeights != null && (label < 0 || label >= classWeights.elements());
                weight += outside ? Double.NaN : at(classWeights, label);
                kept++;
            }
        }
        float[] f = Heap.floats(factors);
        f[Heap.start(factors)] = weightedMean ? (float) (count / weight) : 1;
        f[Heap.start(factors) + 1] = (float) count / kept;
    }

    @Override
    public void elementwise(ElementwiseLoss loss, LossBatch batch, Tensor weights, Tensor positiveWeights) {
        batch.expectElementwise(loss, weights, positiveWeights);
        if (loss.formula() == ElementwiseLoss.Formula.BINARY_CROSS_ENTROPY) {
            binaryCrossEntropy(batch, weights, positiveWeights);
            return;
        }
        int columns = batch.columns();
        float[] p = Heap.floats(batch.prediction());
        float[] t = Heap.floats(batch.target());
        for (int i = 0; i < batch.size(); i++) {
            int pAt = Heap.start(batch.prediction()) + i * columns;
            int tAt = Heap.start(batch.target()) + Heap.row(batch.rows(), i) * columns;
            double sum = 0;
            int hits = 0;
            for (int j = 0; j < columns; j++) {
                float prediction = p[pAt + j];
                float target = t[tAt + j];
                double weight = at(weights, j);
                double positive = at(positiveWeights, j);
                sum += weight * loss.loss(prediction, target, positive);
                hits += loss.isHit(prediction, target) ? 1 : 0;
                if (batch.gradient() != null) {
                    Heap.floats(batch.gradient())[Heap.start(batch.gradient()) + i * columns + j] = (float)
                        (batch.gradientScale() * weight * loss.derivative(prediction, target, positive));
                }
            }
            Heap.floats(batch.rowLosses())[Heap.start(batch.rowLosses()) + i] = (float) (batch.lossScale() * sum);
            if (batch.rowHits() != null) {
                Heap.floats(batch.rowHits())[Heap.start(batch.rowHits()) + i] = (float) hits / columns;
            }
        }
    }

    /** {@link ElementwiseLoss.Formula#BINARY_CROSS_ENTROPY}: loss and gradient from one exponential. */
    private static void binaryCrossEntropy(LossBatch batch, Tensor weights, Tensor positiveWeights) {
        int columns = batch.columns();
        float[] z = Heap.floats(batch.prediction());
        float[] t = Heap.floats(batch.target());
        float[] g = batch.gradient() == null ? null : Heap.floats(batch.gradient());
        for (int i = 0; i < batch.size(); i++) {
            int zAt = Heap.start(batch.prediction()) + i * columns;
            int tAt = Heap.start(batch.target()) + Heap.row(batch.rows(), i) * columns;
            double sum = 0;
            int hits = 0;
            for (int j = 0; j < columns; j++) {
                double logit = z[zAt + j];
                double target = t[tAt + j];
                double weight = at(weights, j);
                double positive = at(positiveWeights, j);
                double e = Math.exp(-Math.abs(logit));
                // log(1 + e); where e is small, 1 + e would keep too little of it.
                double softplus = e < SMALL ? e - e * e / 2 : Math.log(1 + e);
                double balance = 1 + (positive - 1) * target;
                sum += weight * ((logit > 0 ? logit - logit * target : -positive * logit * target)
                    + balance * softplus);
                hits += logit > 0 == target > 0.5 ? 1 : 0;
                if (g != null) {
                    double sigmoid = (logit < 0 ? e : 1) / (1 + e);
                    g[Heap.start(batch.gradient()) + i * columns + j] =
                        (float) (batch.gradientScale() * weight * (balance * sigmoid - positive * target));
                }
            }
            Heap.floats(batch.rowLosses())[Heap.start(batch.rowLosses()) + i] = (float) (batch.lossScale() * sum);
            if (batch.rowHits() != null) {
                Heap.floats(batch.rowHits())[Heap.start(batch.rowHits()) + i] = (float) hits / columns;
            }
        }
    }

    /** An element, or 1 where there is no tensor. */
    private static double at(Tensor tensor, int index) {
        return tensor == null ? 1 : Heap.floats(tensor)[Heap.start(tensor) + index];
    }
}
