package org.talweg.reference;

import java.util.Arrays;
import org.talweg.ops.BatchRows;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.ElementwiseLoss;
import org.talweg.ops.LossBatch;
import org.talweg.ops.LossOps;
import org.talweg.tensor.Tensor;

/** Losses row by row, in double. */
final class ReferenceLoss implements LossOps {

    @Override
    public void crossEntropy(CrossEntropy loss, LossBatch batch, Tensor classWeights, Tensor factors) {
        batch.expectColumns("class weights", classWeights);
        int classes = batch.columns();
        Values x = Values.of(batch.prediction());
        for (int i = 0; i < batch.size(); i++) {
            long start = (long) i * classes;
            double[] q = shares(loss, batch, classWeights, i);
            int largest = largest(x, start, classes);
            double max = largest < 0 ? Double.NaN : x.get(start + largest);
            double sum = 0;
            for (int j = 0; j < classes; j++) {
                sum += Math.exp(x.get(start + j) - max);
            }
            double value = 0;
            for (int j = 0; j < classes; j++) {
                double logP = loss.logits() ? x.get(start + j) - max - Math.log(sum) : x.get(start + j);
                value += q[j] == 0 ? 0 : q[j] * -logP;
            }
            Values.of(batch.rowLosses()).set(i, batch.lossScale() * one(factors, 0) * value);
            if (batch.rowHits() != null) {
                boolean hit = largest >= 0 && largest == wanted(loss, batch, i) && !Double.isNaN(value);
                Values.of(batch.rowHits()).set(i, hit ? one(factors, 1) : 0);
            }
            double total = Arrays.stream(q).sum();
            for (int j = 0; batch.gradient() != null && j < classes; j++) {
                double softmax = loss.logits() ? Math.exp(x.get(start + j) - max) / sum : 0;
                Values.of(batch.gradient()).set(start + j,
                    batch.gradientScale() * one(factors, 0) * (total * softmax - q[j]));
            }
        }
    }

    /** What each class's −log p is multiplied by in the loss of row i. */
    private static double[] shares(CrossEntropy loss, LossBatch batch, Tensor classWeights, int i) {
        int classes = batch.columns();
        long row = Values.sourceRow(batch.rows(), i);
        double[] q = new double[classes];
        if (batch.isLabelled()) {
            int label = (int) Values.of(batch.target()).get(row);
            if (label == loss.ignoredLabel()) {
                return q;
            }
            if (label < 0 || label >= classes) {
                Arrays.fill(q, Double.NaN);
                return q;
            }
            q[label] = 1;
        } else {
            Arrays.setAll(q, j -> Values.of(batch.target()).get(row * classes + j));
        }
        double smoothing = loss.labelSmoothing();
        for (int j = 0; j < classes; j++) {
            q[j] = one(classWeights, j) * ((1 - smoothing) * q[j] + smoothing / classes);
        }
        return q;
    }

    /** The class that row i should have; none if it is ignored. */
    private static int wanted(CrossEntropy loss, LossBatch batch, int i) {
        long row = Values.sourceRow(batch.rows(), i);
        if (batch.isLabelled()) {
            int label = (int) Values.of(batch.target()).get(row);
            return label == loss.ignoredLabel() ? -1 : label;
        }
        return largest(Values.of(batch.target()), row * batch.columns(), batch.columns());
    }

    /** The first largest, among which no NaN counts; −1 if all are NaN. */
    private static int largest(Values values, long start, int count) {
        int largest = -1;
        for (int j = 0; j < count; j++) {
            double value = values.get(start + j);
            if (!Double.isNaN(value) && (largest < 0 || value > values.get(start + largest))) {
                largest = j;
            }
        }
        return largest;
    }

    @Override
    public void labelFactors(CrossEntropy loss, Tensor labels, BatchRows rows, int count, Tensor classWeights,
                             boolean weightedMean, Tensor factors) {
        double weight = 0;
        int kept = 0;
        for (int i = 0; i < count; i++) {
            int label = (int) Values.of(labels).get(Values.sourceRow(rows, i));
            if (label != loss.ignoredLabel()) {
                boolean outside = classWeights != null && (label < 0 || label >= classWeights.elements());
                weight += outside ? Double.NaN : one(classWeights, label);
                kept++;
            }
        }
        Values.of(factors).set(0, weightedMean ? count / weight : 1);
        Values.of(factors).set(1, (double) count / kept);
    }

    @Override
    public void elementwise(ElementwiseLoss loss, LossBatch batch, Tensor weights, Tensor positiveWeights) {
        batch.expectElementwise(loss, weights, positiveWeights);
        int columns = batch.columns();
        Values ps = Values.of(batch.prediction());
        Values ts = Values.of(batch.target());
        for (int i = 0; i < batch.size(); i++) {
            long row = Values.sourceRow(batch.rows(), i);
            double sum = 0;
            int hits = 0;
            for (int j = 0; j < columns; j++) {
                long at = (long) i * columns + j;
                double p = ps.get(at);
                double t = ts.get(row * columns + j);
                double positive = one(positiveWeights, j);
                sum += one(weights, j) * loss.loss(p, t, positive);
                hits += loss.isHit(p, t) ? 1 : 0;
                if (batch.gradient() != null) {
                    Values.of(batch.gradient()).set(at,
                        batch.gradientScale() * (one(weights, j) * loss.derivative(p, t, positive)));
                }
            }
            Values.of(batch.rowLosses()).set(i, batch.lossScale() * sum);
            if (batch.rowHits() != null) {
                Values.of(batch.rowHits()).set(i, (double) hits / columns);
            }
        }
    }

    /** An element, or 1 where there is no tensor. */
    private static double one(Tensor tensor, int index) {
        return tensor == null ? 1 : Values.of(tensor).get(index);
    }
}
