package org.talweg.cpu;

import java.util.Arrays;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** The three products of a dense layer as {@link RowProduct}s, with what surrounds them done while a row is in cache. */
final class CpuDense implements DenseOps {
    private final Parallel parallel;
    private final Forward forward;
    private final BackwardInput backwardInput;
    private final BackwardWeights backwardWeights;

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
        void finish(int m) {
            float bias = 0;
            if (biasGradient != null) {
                int at = Heap.start(biasGradient) + m;
                bias = columnSum(m) + (accumulate ? Heap.floats(biasGradient)[at] : 0);
                Heap.floats(biasGradient)[at] = bias;
            }
            if (squarePartials != null) {
                double squares = CpuUpdate.squares(c, row(m), columns) + (double) bias * bias;
                Heap.floats(squarePartials)[Heap.start(squarePartials) + m] = (float) squares;
            }
        }

        private float columnSum(int m) {
            double sum = 0;
            for (int k = 0; k < depth; k++) {
                sum += a[aRows[m] + k * aStep];
            }
            return (float) sum;
        }
    }

    @Override
    public void forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                             Tensor preActivation, Tensor output) {
        DenseShape shape = DenseShape.forward(x, rows, weights, bias, activation, preActivation, output);
        Forward p = forward;
        p.resize(shape.batch(), shape.outputs(), shape.inputs());
        p.a = Heap.floats(x);
        p.aStep = 1;
        locateRows(p.aRows, x, rows, shape.batch());
        p.b = Heap.floats(weights);
        p.bStep = shape.inputs();
        locate(p.bRows, Heap.start(weights), 1, shape.inputs());
        p.c = Heap.floats(output);
        p.cStart = Heap.start(output);
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
        p.resize(shape.batch(), shape.inputs(), shape.outputs());
        p.a = Heap.floats(gradient);
        p.aStep = 1;
        locate(p.aRows, Heap.start(gradient), shape.outputs(), shape.batch());
        p.b = Heap.floats(weights);
        p.bStep = 1;
        locate(p.bRows, Heap.start(weights), shape.inputs(), shape.outputs());
        if (accumulate) {
            int elements = Math.multiplyExact(shape.batch(), shape.inputs());
            p.product = p.product.length < elements ? new float[elements] : p.product;
        }
        p.c = accumulate ? p.product : Heap.floats(inputGradient);
        p.cStart = accumulate ? 0 : Heap.start(inputGradient);
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
        p.resize(shape.outputs(), shape.inputs(), shape.batch());
        p.a = Heap.floats(gradient);
        p.aStep = shape.outputs();
        locate(p.aRows, Heap.start(gradient), 1, shape.outputs());
        p.b = Heap.floats(x);
        p.bStep = 1;
        locateRows(p.bRows, x, rows, shape.batch());
        p.c = Heap.floats(weightGradient);
        p.cStart = Heap.start(weightGradient);
        p.accumulate = accumulate;
        p.biasGradient = biasGradient;
        p.squarePartials = squarePartials;
        parallel.run(shape.outputs(), operations(shape), p);
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

    private static void locate(int[] table, int start, int step, int count) {
        for (int i = 0; i < count; i++) {
            table[i] = start + i * step;
        }
    }

    private static void locateRows(int[] table, Tensor x, BatchRows rows, int batch) {
        int columns = x.dim(1);
        if (rows == null) {
            locate(table, Heap.start(x), columns, batch);
            return;
        }
        for (int i = 0; i < batch; i++) {
            table[i] = Heap.start(x) + Heap.row(rows, i) * columns;
        }
    }
}
