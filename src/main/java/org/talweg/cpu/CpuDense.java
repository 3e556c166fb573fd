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
    private float[] gathered = new float[0];

    CpuDense(Parallel parallel) {
        this.parallel = parallel;
        forward = new Forward(parallel.parts());
        backwardInput = new BackwardInput(parallel.parts());
        backwardWeights = new BackwardWeights(parallel.parts());
    }

    /** Z = b + X Wᵀ, then A = f(Z). */
    private static final class Forward extends RowProduct {
        private Tensor bias;
        private Tensor preActivation;
        private Activation activation;

        Forward(int parts) {
            super(parts);
        }

        @Override
        void start(int m) {
            if (bias == null) {
                Arrays.fill(c, row(m), row(m) + columns, 0);
            } else {
                System.arraycopy(Heap.floats(bias), Heap.start(bias), c, row(m), columns);
            }
        }

        @Override
        void finish(int m) {
            if (preActivation != null) {
                System.arraycopy(c, row(m), Heap.floats(preActivation), Heap.start(preActivation) + m * columns,
                    columns);
            }
            CpuActivation.forward(activation, c, row(m), c, row(m), columns);
        }
    }

    /** dX = (dZ W) ⊙ f'(saved). */
    private static final class BackwardInput extends RowProduct {
        private Activation below;
        private Tensor saved;
        private boolean accumulate;
        private Tensor inputGradient;
        private float[] product = new float[0];

        BackwardInput(int parts) {
            super(parts);
        }

        @Override
        void start(int m) {
            Arrays.fill(c, row(m), row(m) + columns, 0);
        }

        @Override
        void finish(int m) {
            Tensor s = below.saved() == Activation.Saved.NOTHING ? inputGradient : saved;
            CpuActivation.backward(below, c, row(m), Heap.floats(s), Heap.start(s) + m * columns, accumulate,
                Heap.floats(inputGradient), Heap.start(inputGradient) + m * columns, columns);
        }
    }

    /** dW = dZᵀ X; the partial sums of squares are one per row of W, with the row's bias. */
    private static final class BackwardWeights extends RowProduct {
        private boolean accumulate;
        private Tensor biasGradient;
        private Tensor squarePartials;
        private double[] columnSums = new double[0];

        BackwardWeights(int parts) {
            super(parts);
        }

        @Override
        void start(int m) {
            if (!accumulate) {
                Arrays.fill(c, row(m), row(m) + columns, 0);
            }
        }

        @Override
        void beforeFinish(int from, int to) {
            if (biasGradient != null) {
                sumColumns(from, to);
            }
        }

        @Override
        void finish(int m) {
            float bias = 0;
            if (biasGradient != null) {
                int at = Heap.start(biasGradient) + m;
                bias = (float) columnSums[m] + (accumulate ? Heap.floats(biasGradient)[at] : 0);
                Heap.floats(biasGradient)[at] = bias;
            }
            if (squarePartials != null) {
                double squares = CpuUpdate.squares(c, row(m), columns) + (double) bias * bias;
                Heap.floats(squarePartials)[Heap.start(squarePartials) + m] = (float) squares;
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
        float[] gathered = gather(x, rows, shape.batch());
        p.left(gathered == null ? Heap.floats(x) : gathered, gathered == null ? Heap.start(x) : 0, shape.inputs(), 1);
        p.right(Heap.floats(weights), Heap.start(weights), 1, shape.inputs());
        p.result(Heap.floats(output), Heap.start(output), shape.outputs(), shape.inputs());
        p.bias = bias;
        p.preActivation = preActivation;
        p.activation = activation;
        parallel.run(shape.batch(), operations(shape), p);
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
        parallel.run(shape.batch(), operations(shape), p);
    }

    @Override
    public void backwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate,
                                     Tensor weightGradient, Tensor biasGradient, Tensor squarePartials,
                                     Tensor workspace) {
        DenseShape shape = DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient);
        if (squarePartials != null) {
            Shapes.expect("square partials", squarePartials, Shape.of(squarePartials(shape)));
        }
        BackwardWeights p = backwardWeights;
        p.left(Heap.floats(gradient), Heap.start(gradient), 1, shape.outputs());
        float[] gathered = gather(x, rows, shape.batch());
        p.right(gathered == null ? Heap.floats(x) : gathered, gathered == null ? Heap.start(x) : 0, shape.inputs(), 1);
        p.result(Heap.floats(weightGradient), Heap.start(weightGradient), shape.inputs(), shape.batch());
        p.columnSums = p.columnSums.length < shape.outputs() ? new double[shape.outputs()] : p.columnSums;
        p.accumulate = accumulate;
        p.biasGradient = biasGradient;
        p.squarePartials = squarePartials;
        parallel.run(shape.outputs(), operations(shape), p);
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

    private static long operations(DenseShape shape) {
        return 2L * shape.batch() * shape.outputs() * shape.inputs();
    }

    /** The batch's rows one behind the other, or null if they lie so already. */
    private float[] gather(Tensor x, BatchRows rows, int batch) {
        if (rows == null) {
            return null;
        }
        int columns = x.dim(1);
        int elements = Math.multiplyExact(batch, columns);
        gathered = gathered.length < elements ? new float[elements] : gathered;
        for (int i = 0; i < batch; i++) {
            System.arraycopy(Heap.floats(x), Heap.start(x) + Heap.row(rows, i) * columns, gathered, i * columns,
                columns);
        }
        return gathered;
    }
}
