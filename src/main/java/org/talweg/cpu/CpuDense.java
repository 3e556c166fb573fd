package org.talweg.cpu;

import java.util.Arrays;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Precision;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** The three products of a dense layer as {@link RowProduct}s, with what surrounds them done while a row is in cache. */
final class CpuDense implements DenseOps {
    private final Parallel parallel;
    private final Forward forward;
    private final BackwardInput backwardInput;
    private final BackwardWeights backwardWeights;
    private final Gather gather = new Gather();
    private float[] batchRows;
    private int batchStart;

    CpuDense(Parallel parallel) {
        this.parallel = parallel;
        forward = new Forward(parallel.threads());
        backwardInput = new BackwardInput(parallel.threads());
        backwardWeights = new BackwardWeights(parallel.threads());
    }

    /** Z = b + X Wᵀ, then A = f(Z). */
    private static final class Forward extends RowProduct {
        private Tensor bias;
        private Tensor preActivation;
        private Activation activation;

        Forward(int threads) {
            super(threads);
        }

        @Override
        void start(int from, int to, int left, int right) {
            if (bias == null) {
                super.start(from, to, left, right);
                return;
            }
            for (int m = from; m < to; m++) {
                System.arraycopy(Heap.floats(bias), Heap.start(bias) + left, c, row(m) + left, right - left);
            }
        }

        @Override
        void finish(int from, int to, int left, int right) {
            boolean relu = activation.kind() == Activation.Kind.RELU && preActivation == null;
            if (isNative() && bias != null) {
                NativeProducts.addBias(Heap.floats(bias), Heap.start(bias) + left, relu, c, row(from) + left, columns,
                    to - from, right - left);
                if (relu) {
                    return;
                }
            }
            for (int m = from; m < to; m++) {
                if (preActivation != null) {
                    System.arraycopy(c, row(m) + left, Heap.floats(preActivation),
                        Heap.start(preActivation) + m * columns + left, right - left);
                }
                CpuActivation.forward(activation, c, row(m) + left, right - left);
            }
        }
    }

    /** dX = (dZ W) ⊙ f'(saved). */
    private static final class BackwardInput extends RowProduct {
        private Activation below;
        private Tensor saved;
        private boolean accumulate;
        private Tensor inputGradient;
        private float[] product = new float[0];

        BackwardInput(int threads) {
            super(threads);
        }

        @Override
        void finish(int from, int to, int left, int right) {
            Tensor s = below.saved() == Activation.Saved.NOTHING ? inputGradient : saved;
            int at = from * columns + left;
            if (isNative() && below.kind() == Activation.Kind.RELU && !accumulate) {
                NativeProducts.maskByRelu(Heap.floats(s), Heap.start(s) + at, c, row(from) + left, columns, to - from,
                    right - left);
                return;
            }
            for (int m = from; m < to; m++, at += columns) {
                CpuActivation.backward(below, c, row(m) + left, Heap.floats(s), Heap.start(s) + at, accumulate,
                    Heap.floats(inputGradient), Heap.start(inputGradient) + at, right - left);
            }
        }
    }

    /** dW = dZᵀ X; the partial sums of squares are one per row of W, with the row's bias. */
    private static final class BackwardWeights extends RowProduct {
        private boolean accumulate;
        private Tensor biasGradient;
        private Tensor squarePartials;
        private double[] columnSums = new double[0];
        private double[] squares = new double[0];

        BackwardWeights(int threads) {
            super(threads);
        }

        @Override
        void finish(int from, int to, int left, int right) {
            if (biasGradient != null && isNative()) {
                NativeProducts.columnSums(a, aStart + from, aColumn, depth, to - from, columnSums, from);
            } else if (biasGradient != null) {
                sumColumns(from, to);
            }
            if (squarePartials != null && isNative()) {
                NativeProducts.rowSquares(c, row(from), to - from, columns, squares, from);
            }
            for (int m = from; m < to; m++) {
                float bias = 0;
                if (biasGradient != null) {
                    int at = Heap.start(biasGradient) + m;
                    bias = (float) columnSums[m] + (accumulate ? Heap.floats(biasGradient)[at] : 0);
                    Heap.floats(biasGradient)[at] = bias;
                }
                if (squarePartials != null) {
                    double sum = isNative() ? squares[m] : CpuUpdate.squares(c, row(m), columns);
                    Heap.floats(squarePartials)[Heap.start(squarePartials) + m] = (float) (sum + (double) bias * bias);
                }
            }
        }

        /** Row by row, so that memory is read in order. */
        private void sumColumns(int from, int to) {
            Arrays.fill(columnSums, from, to, 0);
            for (int k = 0; k < depth; k++) {
                int at = aStart + k * aColumn;
                for (int m = from; m < to; m++) {
                    columnSums[m] += a[at + m];
                }
            }
        }
    }

    @Override
    public void forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                             Tensor preActivation, Tensor output) {
        DenseShape shape = DenseShape.forward(x, rows, weights, bias, activation, preActivation, output);
        Forward p = forward;
        rows(x, rows, shape.batch());
        p.left(batchRows, batchStart, shape.inputs(), 1);
        p.right(Heap.floats(weights), Heap.start(weights), 1, shape.inputs());
        p.result(Heap.floats(output), Heap.start(output), shape.outputs(), shape.inputs());
        p.bias = bias;
        p.preActivation = preActivation;
        p.activation = activation;
        p.run(parallel, shape.batch(), false, false);
    }

    @Override
    public void backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved,
                                   boolean accumulate, Tensor inputGradient) {
        DenseShape shape = DenseShape.backwardInput(gradient, weights, below, saved, inputGradient);
        BackwardInput p = backwardInput;
        p.left(Heap.floats(gradient), Heap.start(gradient), shape.outputs(), 1);
        p.right(Heap.floats(weights), Heap.start(weights), shape.inputs(), 1);
        if (accumulate) {
            int elements = Math.multiplyExact(shape.batch(), shape.inputs());
            p.product = p.product.length < elements ? new float[elements] : p.product;
        }
        p.result(accumulate ? p.product : Heap.floats(inputGradient), accumulate ? 0 : Heap.start(inputGradient),
            shape.inputs(), shape.outputs());
        p.below = below;
        p.saved = saved;
        p.accumulate = accumulate;
        p.inputGradient = inputGradient;
        p.run(parallel, shape.batch(), false, false);
    }

    @Override
    public void backwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate,
                                     Tensor weightGradient, Tensor biasGradient, Tensor squarePartials,
                                     Tensor workspace) {
        DenseShape shape = DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient);
        if (squarePartials != null) {
            Shapes.expect("square partials", squarePartials, squarePartials(shape));
        }
        BackwardWeights p = backwardWeights;
        p.left(Heap.floats(gradient), Heap.start(gradient), 1, shape.outputs());
        rows(x, rows, shape.batch());
        p.right(batchRows, batchStart, shape.inputs(), 1);
        p.result(Heap.floats(weightGradient), Heap.start(weightGradient), shape.inputs(), shape.batch());
        if (p.columnSums.length < shape.outputs()) {
            p.columnSums = new double[shape.outputs()];
            p.squares = new double[shape.outputs()];
        }
        p.accumulate = accumulate;
        p.biasGradient = biasGradient;
        p.squarePartials = squarePartials;
        p.run(parallel, shape.outputs(), accumulate, true);
    }

    /** There are no tensor cores: products are exact to float32. */
    @Override
    public DenseOps at(Precision precision) {
        return this;
    }

    @Override
    public int squarePartials(DenseShape shape) {
        return shape.outputs();
    }

    @Override
    public long workspace(DenseShape shape) {
        return 0;
    }

    /** Puts the batch's rows one behind the other. */
    private static final class Gather implements Parallel.Body {
        private Tensor x;
        private BatchRows rows;
        private int columns;
        private float[] values = new float[0];

        @Override
        public void run(int slot, int from, int to) {
            for (int i = from; i < to; i++) {
                System.arraycopy(Heap.floats(x), Heap.start(x) + Heap.row(rows, i) * columns, values, i * columns,
                    columns);
            }
        }
    }

    /** The rows of the batch, one behind the other: where they lie, if they lie so, else copied. */
    private void rows(Tensor x, BatchRows rows, int batch) {
        int columns = x.dim(1);
        if (rows == null || inOrder(rows, batch)) {
            batchRows = Heap.floats(x);
            batchStart = Heap.start(x) + Heap.row(rows, 0) * columns;
            return;
        }
        int elements = Math.multiplyExact(batch, columns);
        gather.x = x;
        gather.rows = rows;
        gather.columns = columns;
        gather.values = gather.values.length < elements ? new float[elements] : gather.values;
        parallel.run(batch, elements, gather);
        batchRows = gather.values;
        batchStart = 0;
    }

    /** Whether a data set that was not shuffled can be read where it lies. */
    private static boolean inOrder(BatchRows rows, int batch) {
        int first = Heap.row(rows, 0);
        for (int i = 1; i < batch; i++) {
            if (Heap.row(rows, i) != first + i) {
                return false;
            }
        }
        return true;
    }
}
