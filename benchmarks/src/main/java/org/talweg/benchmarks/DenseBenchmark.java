package org.talweg.benchmarks;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.talweg.ops.Activation;
import org.talweg.ops.DenseShape;
import org.talweg.tensor.Tensor;

/** The three products of a dense layer. Each call waits for its result. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class DenseBenchmark {
    @Param({"cpu"})
    public String device;

    /** batch, outputs, inputs */
    @Param({"64,128,784", "128,512,512", "512,2048,2048"})
    public String shape;

    private Memory memory;
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

    @TearDown(Level.Trial)
    public void close() {
        memory.close();
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
