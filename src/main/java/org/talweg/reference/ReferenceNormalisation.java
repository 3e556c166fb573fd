package org.talweg.reference;

import org.talweg.ops.NormShape;
import org.talweg.ops.NormalisationOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Normalisation and its gradients, each sum in double and in natural order. */
final class ReferenceNormalisation implements NormalisationOps {

    @Override
    public void layerNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, Tensor mean, Tensor inverseDeviation,
                          Tensor output) {
        NormShape shape = NormShape.of(x).like(output).ofRows(mean, inverseDeviation).ofColumns(weight, bias);
        Values xs = Values.of(x);
        Values y = Values.of(output);
        int n = shape.columns();
        for (long i = 0; i < shape.rows(); i++) {
            double sum = 0;
            for (int j = 0; mean != null && j < n; j++) {
                sum += xs.get(i * n + j);
            }
            double m = sum / n;
            double squares = 0;
            for (int j = 0; j < n; j++) {
                double centred = xs.get(i * n + j) - m;
                squares += centred * centred;
            }
            double r = 1 / Math.sqrt(squares / n + epsilon);
            for (int j = 0; j < n; j++) {
                y.set(i * n + j, (xs.get(i * n + j) - m) * r * or(weight, j, 1) + or(bias, j, 0));
            }
            if (mean != null) {
                Values.of(mean).set(i, m);
            }
            Values.of(inverseDeviation).set(i, r);
        }
    }

    @Override
    public void layerNormBackwardInput(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor inverseDeviation,
                                       boolean accumulate, Tensor inputGradient) {
        NormShape shape = NormShape.of(x).like(gradient).like(inputGradient).ofRows(mean, inverseDeviation)
            .ofColumns(weight, null);
        Values xs = Values.of(x);
        Values dy = Values.of(gradient);
        Values dx = Values.of(inputGradient);
        int n = shape.columns();
        for (long i = 0; i < shape.rows(); i++) {
            double m = or(mean, i, 0);
            double r = Values.of(inverseDeviation).get(i);
            double sum = 0;
            double product = 0;
            for (int j = 0; j < n; j++) {
                double h = dy.get(i * n + j) * or(weight, j, 1);
                sum += h;
                product += h * (xs.get(i * n + j) - m) * r;
            }
            double meanOfH = mean == null ? 0 : sum / n;
            for (int j = 0; j < n; j++) {
                double h = dy.get(i * n + j) * or(weight, j, 1);
                dx.put(i * n + j, r * (h - meanOfH - (xs.get(i * n + j) - m) * r * product / n), accumulate);
            }
        }
    }

    @Override
    public void layerNormBackwardWeights(Tensor gradient, Tensor x, Tensor mean, Tensor inverseDeviation,
                                         boolean accumulate, Tensor weightGradient, Tensor biasGradient,
                                         Tensor squarePartials) {
        NormShape shape = NormShape.of(x).like(gradient).ofRows(mean, inverseDeviation)
            .ofColumns(weightGradient, biasGradient);
        Values xs = Values.of(x);
        Values dy = Values.of(gradient);
        double squares = 0;
        for (int j = 0; j < shape.columns(); j++) {
            double dw = 0;
            double db = 0;
            for (long i = 0; i < shape.rows(); i++) {
                long at = i * shape.columns() + j;
                dw += dy.get(at) * (xs.get(at) - or(mean, i, 0)) * Values.of(inverseDeviation).get(i);
                db += dy.get(at);
            }
            squares += store(weightGradient, j, dw, accumulate) + store(biasGradient, j, db, accumulate);
        }
        storeSquares(squarePartials, squares);
    }

    @Override
    public void batchNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, boolean fromBatch, Tensor mean,
                          Tensor variance, Tensor output) {
        NormShape shape = NormShape.of(x).like(output).ofColumns(weight, bias).ofColumns(mean, variance);
        if (fromBatch) {
            statistics(shape.expectSeveralRows(), Values.of(x), Values.of(mean), Values.of(variance));
        }
        Values xs = Values.of(x);
        Values y = Values.of(output);
        for (long at = 0; at < xs.length(); at++) {
            long j = at % shape.columns();
            double r = 1 / Math.sqrt(Values.of(variance).get(j) + epsilon);
            y.set(at, (xs.get(at) - Values.of(mean).get(j)) * r * or(weight, j, 1) + or(bias, j, 0));
        }
    }

    private static void statistics(NormShape shape, Values x, Values mean, Values variance) {
        for (int j = 0; j < shape.columns(); j++) {
            double sum = 0;
            for (long i = 0; i < shape.rows(); i++) {
                sum += x.get(i * shape.columns() + j);
            }
            double m = sum / shape.rows();
            double squares = 0;
            for (long i = 0; i < shape.rows(); i++) {
                double centred = x.get(i * shape.columns() + j) - m;
                squares += centred * centred;
            }
            mean.set(j, m);
            variance.set(j, squares / shape.rows());
        }
    }

    @Override
    public void batchNormBackward(Tensor gradient, Tensor x, Tensor weight, float epsilon, boolean fromBatch,
                                  Tensor mean, Tensor variance, boolean accumulate, Tensor weightGradient,
                                  Tensor biasGradient, Tensor squarePartials, boolean accumulateInput,
                                  Tensor inputGradient) {
        NormShape shape = NormShape.of(x).like(gradient).like(inputGradient).ofColumns(weight, mean)
            .ofColumns(variance, weightGradient).ofColumns(biasGradient, null);
        Values xs = Values.of(x);
        Values dy = Values.of(gradient);
        double squares = 0;
        for (int j = 0; j < shape.columns(); j++) {
            double m = Values.of(mean).get(j);
            double r = 1 / Math.sqrt(Values.of(variance).get(j) + epsilon);
            double dw = 0;
            double db = 0;
            for (long i = 0; i < shape.rows(); i++) {
                long at = i * shape.columns() + j;
                dw += dy.get(at) * (xs.get(at) - m) * r;
                db += dy.get(at);
            }
            for (long i = 0; inputGradient != null && i < shape.rows(); i++) {
                long at = i * shape.columns() + j;
                double through = fromBatch ? (db + (xs.get(at) - m) * r * dw) / shape.rows() : 0;
                Values.of(inputGradient).put(at, r * or(weight, j, 1) * (dy.get(at) - through), accumulateInput);
            }
            squares += store(weightGradient, j, dw, accumulate) + store(biasGradient, j, db, accumulate);
        }
        storeSquares(squarePartials, squares);
    }

    @Override
    public void updateRunningStatistics(Tensor skip, Tensor mean, Tensor variance, int rows, float momentum,
                                        Tensor runningMean, Tensor runningVariance) {
        Shapes.expectSameLength("running statistics", mean, variance, runningMean, runningVariance);
        if (Values.of(skip).get(0) != 0) {
            return;
        }
        double unbiased = rows / (rows - 1.0);
        for (long j = 0; j < mean.elements(); j++) {
            blend(Values.of(runningMean), j, momentum, Values.of(mean).get(j));
            blend(Values.of(runningVariance), j, momentum, Values.of(variance).get(j) * unbiased);
        }
    }

    private static void blend(Values running, long j, double momentum, double value) {
        running.set(j, (1 - momentum) * running.get(j) + momentum * value);
    }

    @Override
    public int squarePartials(int columns) {
        return 1;
    }

    private static double or(Tensor tensor, long i, double otherwise) {
        return tensor == null ? otherwise : Values.of(tensor).get(i);
    }

    /** The square of what is then there. */
    private static double store(Tensor gradient, long j, double value, boolean accumulate) {
        if (gradient == null) {
            return 0;
        }
        Values values = Values.of(gradient);
        values.put(j, value, accumulate);
        return values.get(j) * values.get(j);
    }

    private static void storeSquares(Tensor squarePartials, double squares) {
        if (squarePartials != null) {
            Shapes.expect("square partials", squarePartials, 1);
            Values.of(squarePartials).set(0, squares);
        }
    }
}
