package org.talweg.cpu;

import java.util.Arrays;
import org.talweg.ops.NormShape;
import org.talweg.ops.NormalisationOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Tensor;

/**
 * Normalisation by rows split over the cores, and by columns split over the cores but read row by row, so that the
 * inner loops run along memory. Sums in double.
 */
final class CpuNormalisation implements NormalisationOps {
    /** Arithmetic operations an element, roughly. */
    private static final long OPERATIONS = 16;

    private final Parallel parallel;
    private double[] first = new double[0];
    private double[] second = new double[0];
    private double[] third = new double[0];
    /** What is run on rows or columns, made once: a training step allocates nothing. */
    private final Parallel.Body layerNorm = this::layerNorm;
    private final Parallel.Body layerNormBackwardInput = this::layerNormBackwardInput;
    private final Parallel.Body layerNormBackwardWeights = this::layerNormBackwardWeights;
    private final Parallel.Body batchNorm = this::batchNorm;
    private final Parallel.Body batchNormBackward = this::batchNormBackward;
    /** Arguments of the call in progress; what it does not have is null. */
    private int rows;
    private int columns;
    private Tensor gradient;
    private Tensor x;
    private Tensor weight;
    private Tensor bias;
    private Tensor mean;
    /** Inverse standard deviation of a layer norm, variance of a batch norm. */
    private Tensor spread;
    private Tensor output;
    private float epsilon;
    private boolean fromBatch;
    private boolean accumulate;

    CpuNormalisation(Parallel parallel) {
        this.parallel = parallel;
    }

    private void take(NormShape shape, Tensor newGradient, Tensor newX, Tensor newWeight, Tensor newBias, Tensor newMean,
                      Tensor newSpread, Tensor newOutput) {
        rows = shape.rows();
        columns = shape.columns();
        gradient = newGradient;
        x = newX;
        weight = newWeight;
        bias = newBias;
        mean = newMean;
        spread = newSpread;
        output = newOutput;
    }

    private void run(int parts, Parallel.Body body) {
        parallel.run(parts, OPERATIONS * rows * columns, body);
    }

    @Override
    public void layerNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, Tensor mean, Tensor inverseDeviation,
                          Tensor output) {
        take(NormShape.of(x).like(output).ofRows(mean, inverseDeviation).ofColumns(weight, bias), null, x, weight, bias,
            mean, inverseDeviation, output);
        this.epsilon = epsilon;
        run(rows, layerNorm);
    }

    private void layerNorm(int slot, int from, int to) {
        int n = columns;
        float[] xs = Heap.floats(x);
        float[] y = Heap.floats(output);
        for (int i = from; i < to; i++) {
            int at = Heap.start(x) + i * n;
            double m = 0;
            if (mean != null) {
                double sum = 0;
                for (int j = 0; j < n; j++) {
                    sum += xs[at + j];
                }
                m = sum / n;
                Heap.floats(mean)[Heap.start(mean) + i] = (float) m;
            }
            double squares = 0;
            for (int j = 0; j < n; j++) {
                squares += (xs[at + j] - m) * (xs[at + j] - m);
            }
            double r = 1 / Math.sqrt(squares / n + epsilon);
            Heap.floats(spread)[Heap.start(spread) + i] = (float) r;
            int out = Heap.start(output) + i * n;
            for (int j = 0; j < n; j++) {
                y[out + j] = (float) ((xs[at + j] - m) * r * or(weight, j, 1) + or(bias, j, 0));
            }
        }
    }

    @Override
    public void layerNormBackwardInput(Tensor gradient, Tensor x, Tensor weight, Tensor mean, Tensor inverseDeviation,
                                       boolean accumulate, Tensor inputGradient) {
        take(NormShape.of(x).like(gradient).like(inputGradient).ofRows(mean, inverseDeviation).ofColumns(weight, null),
            gradient, x, weight, null, mean, inverseDeviation, inputGradient);
        this.accumulate = accumulate;
        run(rows, layerNormBackwardInput);
    }

    private void layerNormBackwardInput(int slot, int from, int to) {
        int n = columns;
        float[] xs = Heap.floats(x);
        float[] dy = Heap.floats(gradient);
        float[] dx = Heap.floats(output);
        for (int i = from; i < to; i++) {
            int at = Heap.start(x) + i * n;
            int g = Heap.start(gradient) + i * n;
            int out = Heap.start(output) + i * n;
            double m = or(mean, i, 0);
            double r = or(spread, i, 1);
            double sum = 0;
            double product = 0;
            for (int j = 0; j < n; j++) {
                double h = (double) dy[g + j] * or(weight, j, 1);
                sum += h;
                product += h * (xs[at + j] - m) * r;
            }
            double meanOfH = mean == null ? 0 : sum / n;
            double meanOfProduct = product / n;
            for (int j = 0; j < n; j++) {
                double h = (double) dy[g + j] * or(weight, j, 1);
                float result = (float) (r * (h - meanOfH - (xs[at + j] - m) * r * meanOfProduct));
                dx[out + j] = accumulate ? dx[out + j] + result : result;
            }
        }
    }

    @Override
    public void layerNormBackwardWeights(Tensor gradient, Tensor x, Tensor mean, Tensor inverseDeviation,
                                         boolean accumulate, Tensor weightGradient, Tensor biasGradient,
                                         Tensor squarePartials) {
        take(NormShape.of(x).like(gradient).ofRows(mean, inverseDeviation).ofColumns(weightGradient, biasGradient),
            gradient, x, null, null, mean, inverseDeviation, null);
        clearSums();
        run(columns, layerNormBackwardWeights);
        storeGradients(accumulate, weightGradient, biasGradient, squarePartials);
    }

    private void layerNormBackwardWeights(int slot, int from, int to) {
        float[] xs = Heap.floats(x);
        float[] dy = Heap.floats(gradient);
        for (int i = 0; i < rows; i++) {
            int at = Heap.start(x) + i * columns;
            int g = Heap.start(gradient) + i * columns;
            double m = or(mean, i, 0);
            double r = or(spread, i, 1);
            for (int j = from; j < to; j++) {
                first[j] += dy[g + j] * ((xs[at + j] - m) * r);
                second[j] += dy[g + j];
            }
        }
    }

    @Override
    public void batchNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, boolean fromBatch, Tensor mean,
                          Tensor variance, Tensor output) {
        take(NormShape.of(x).like(output).ofColumns(weight, bias).ofColumns(mean, variance), null, x, weight, bias, mean,
            variance, output);
        if (fromBatch) {
            NormShape.of(x).expectSeveralRows();
        }
        this.epsilon = epsilon;
        this.fromBatch = fromBatch;
        clearSums();
        run(columns, batchNorm);
    }

    private void batchNorm(int slot, int from, int to) {
        float[] xs = Heap.floats(x);
        float[] y = Heap.floats(output);
        if (fromBatch) {
            statistics(xs, from, to);
        }
        for (int j = from; j < to; j++) {
            first[j] = fromBatch ? first[j] : or(mean, j, 0);
            second[j] = 1 / Math.sqrt((fromBatch ? second[j] : or(spread, j, 0)) + epsilon) * or(weight, j, 1);
            third[j] = or(bias, j, 0);
        }
        for (int i = 0; i < rows; i++) {
            int at = Heap.start(x) + i * columns;
            int out = Heap.start(output) + i * columns;
            for (int j = from; j < to; j++) {
                y[out + j] = (float) ((xs[at + j] - first[j]) * second[j] + third[j]);
            }
        }
    }

    /** Means into {@link #first}, biased variances into {@link #second}, and both to their tensors. */
    private void statistics(float[] xs, int from, int to) {
        for (int i = 0; i < rows; i++) {
            int at = Heap.start(x) + i * columns;
            for (int j = from; j < to; j++) {
                first[j] += xs[at + j];
            }
        }
        for (int j = from; j < to; j++) {
            first[j] /= rows;
        }
        for (int i = 0; i < rows; i++) {
            int at = Heap.start(x) + i * columns;
            for (int j = from; j < to; j++) {
                double centred = xs[at + j] - first[j];
                second[j] += centred * centred;
            }
        }
        for (int j = from; j < to; j++) {
            second[j] /= rows;
            Heap.floats(mean)[Heap.start(mean) + j] = (float) first[j];
            Heap.floats(spread)[Heap.start(spread) + j] = (float) second[j];
        }
    }

    @Override
    public void batchNormBackward(Tensor gradient, Tensor x, Tensor weight, float epsilon, boolean fromBatch,
                                  Tensor mean, Tensor variance, boolean accumulate, Tensor weightGradient,
                                  Tensor biasGradient, Tensor squarePartials, boolean accumulateInput,
                                  Tensor inputGradient) {
        take(NormShape.of(x).like(gradient).like(inputGradient).ofColumns(weight, mean).ofColumns(variance, weightGradient)
            .ofColumns(biasGradient, null), gradient, x, weight, null, mean, variance, inputGradient);
        this.epsilon = epsilon;
        this.fromBatch = fromBatch;
        this.accumulate = accumulateInput;
        clearSums();
        run(columns, batchNormBackward);
        storeGradients(accumulate, weightGradient, biasGradient, squarePartials);
    }

    private void batchNormBackward(int slot, int from, int to) {
        float[] xs = Heap.floats(x);
        float[] dy = Heap.floats(gradient);
        for (int j = from; j < to; j++) {
            third[j] = 1 / Math.sqrt((double) or(spread, j, 0) + epsilon);
        }
        for (int i = 0; i < rows; i++) {
            int at = Heap.start(x) + i * columns;
            int g = Heap.start(gradient) + i * columns;
            for (int j = from; j < to; j++) {
                first[j] += dy[g + j] * ((xs[at + j] - (double) or(mean, j, 0)) * third[j]);
                second[j] += dy[g + j];
            }
        }
        for (int i = 0; output != null && i < rows; i++) {
            int at = Heap.start(x) + i * columns;
            int g = Heap.start(gradient) + i * columns;
            int out = Heap.start(output) + i * columns;
            float[] dx = Heap.floats(output);
            for (int j = from; j < to; j++) {
                double normalised = (xs[at + j] - (double) or(mean, j, 0)) * third[j];
                double through = fromBatch ? (second[j] + normalised * first[j]) / rows : 0;
                float result = (float) (third[j] * or(weight, j, 1) * (dy[g + j] - through));
                dx[out + j] = accumulate ? dx[out + j] + result : result;
            }
        }
    }

    @Override
    public void updateRunningStatistics(Tensor skip, Tensor mean, Tensor variance, int rows, float momentum,
                                        Tensor runningMean, Tensor runningVariance) {
        Shapes.expectSameLength("running statistics", mean, variance, runningMean, runningVariance);
        if (or(skip, 0, 0) != 0) {
            return;
        }
        double unbiased = rows / (rows - 1.0);
        for (int j = 0; j < mean.elements(); j++) {
            blend(runningMean, j, momentum, or(mean, j, 0));
            blend(runningVariance, j, momentum, or(variance, j, 0) * unbiased);
        }
    }

    private static void blend(Tensor running, int j, double momentum, double value) {
        int at = Heap.start(running) + j;
        Heap.floats(running)[at] = (float) ((1 - momentum) * Heap.floats(running)[at] + momentum * value);
    }

    @Override
    public int squarePartials(int columns) {
        return 1;
    }

    private void clearSums() {
        if (first.length < columns) {
            first = new double[columns];
            second = new double[columns];
            third = new double[columns];
        }
        Arrays.fill(first, 0, columns, 0);
        Arrays.fill(second, 0, columns, 0);
    }

    /** {@link #first} is dw, {@link #second} db. */
    private void storeGradients(boolean add, Tensor weightGradient, Tensor biasGradient, Tensor squarePartials) {
        double squares = store(weightGradient, first, columns, add) + store(biasGradient, second, columns, add);
        if (squarePartials != null) {
            Shapes.expect("square partials", squarePartials, 1);
            Heap.floats(squarePartials)[Heap.start(squarePartials)] = (float) squares;
        }
    }

    private static double store(Tensor gradient, double[] sums, int columns, boolean accumulate) {
        if (gradient == null) {
            return 0;
        }
        float[] g = Heap.floats(gradient);
        int start = Heap.start(gradient);
        double squares = 0;
        for (int j = 0; j < columns; j++) {
            g[start + j] = (accumulate ? g[start + j] : 0) + (float) sums[j];
            squares += (double) g[start + j] * g[start + j];
        }
        return squares;
    }

    private static float or(Tensor tensor, int i, float otherwise) {
        return tensor == null ? otherwise : Heap.floats(tensor)[Heap.start(tensor) + i];
    }
}
