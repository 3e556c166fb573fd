package org.talweg.benchmarks;

import java.util.Locale;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.ops.Activation;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;
import org.talweg.tensor.Tensor;

/** The three products of a dense layer, and both backward ones together. Each call waits for its result. */
public class DenseBenchmark extends OpsSuite {
    /** batch, outputs, inputs */
    @Param({"64x128x784", "128x512x512", "512x2048x2048"})
    public String shape;

    /** What the tensor cores of a GPU multiply. */
    @Param({"FLOAT32"})
    public Precision precision;

    /** Whose, on a GPU: also cublas and auto. */
    @Param({"talweg"})
    public String products;

    private DenseOps dense;
    private Tensor x;
    private Tensor weights;
    private Tensor bias;
    private Tensor gradient;
    private Tensor output;
    private Tensor inputGradient;
    private Tensor weightGradient;
    private Tensor biasGradient;
    private Tensor squarePartials;
    private Tensor workspace;

    @Setup(Level.Trial)
    public void open() {
        memory = new Memory(device);
        int[] n = Memory.numbers(shape);
        DenseShape layer = new DenseShape(n[0], n[1], n[2]);
        memory.device().products(MatrixProducts.valueOf(products.toUpperCase(Locale.ROOT)));
        dense = memory.ops().dense().at(precision);
        x = memory.random(n[0], n[2]);
        weights = memory.random(n[1], n[2]);
        dense.plan(layer, weights);
        bias = memory.random(n[1]);
        gradient = memory.random(n[0], n[1]);
        output = memory.zeros(n[0], n[1]);
        inputGradient = memory.zeros(n[0], n[2]);
        weightGradient = memory.zeros(n[1], n[2]);
        biasGradient = memory.zeros(n[1]);
        squarePartials = memory.zeros(dense.squarePartials(layer));
        workspace = memory.zeros(Math.max(1, Math.toIntExact(dense.workspace(layer))));
    }

    @Benchmark
    public void forward() {
        dense.forward(x, null, weights, bias, Activation.RELU, null, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void backwardInput() {
        dense.backwardInput(gradient, weights, Activation.RELU, x, false, inputGradient);
        memory.device().synchronize();
    }

    @Benchmark
    public void backwardWeights() {
        dense.backwardWeights(x, null, gradient, false, weightGradient, biasGradient, squarePartials,
            workspace);
        memory.device().synchronize();
    }

    @Benchmark
    public void backward() {
        dense.backward(x, null, gradient, false, weightGradient, biasGradient, squarePartials, workspace, weights,
            Activation.RELU, x, false, inputGradient);
        memory.device().synchronize();
    }
}
