package org.talweg.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.ops.Activation;
import org.talweg.ops.DenseShape;
import org.talweg.tensor.Tensor;

/** The three products of a dense layer. Each call waits for its result. */
public class DenseBenchmark extends OpsSuite {
    /** batch, outputs, inputs */
    @Param({"64x128x784", "128x512x512", "512x2048x2048"})
    public String shape;

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
        DenseShape dense = new DenseShape(n[0], n[1], n[2]);
        x = memory.random(n[0], n[2]);
        weights = memory.random(n[1], n[2]);
        bias = memory.random(n[1]);
        gradient = memory.random(n[0], n[1]);
        output = memory.zeros(n[0], n[1]);
        inputGradient = memory.zeros(n[0], n[2]);
        weightGradient = memory.zeros(n[1], n[2]);
        biasGradient = memory.zeros(n[1]);
        squarePartials = memory.zeros(memory.ops().dense().squarePartials(dense));
        workspace = memory.zeros(Math.max(1, Math.toIntExact(memory.ops().dense().workspace(dense))));
    }

    @Benchmark
    public void forward() {
        memory.ops().dense().forward(x, null, weights, bias, Activation.RELU, null, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void backwardInput() {
        memory.ops().dense().backwardInput(gradient, weights, Activation.RELU, x, false, inputGradient);
        memory.device().synchronize();
    }

    @Benchmark
    public void backwardWeights() {
        memory.ops().dense().backwardWeights(x, null, gradient, false, weightGradient, biasGradient, squarePartials,
            workspace);
        memory.device().synchronize();
    }
}
