package org.talweg.benchmarks;

import java.util.Map;
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
import org.talweg.tensor.Tensor;

/** Activations on their own, and softmax. Each call waits for its result. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class ActivationBenchmark {
    @Param({"cpu"})
    public String device;

    /** rows, columns */
    @Param({"128,512"})
    public String shape;

    /** cheap, an exponential, an error function */
    @Param({"RELU", "SILU", "GELU"})
    public String activation;

    private static final Map<String, Activation> ACTIVATIONS =
        Map.of("RELU", Activation.RELU, "SILU", Activation.SILU, "GELU", Activation.GELU);

    private Memory memory;
    private Activation function;
    private Tensor x;
    private Tensor gradient;
    private Tensor output;
    private Tensor inputGradient;

    @Setup(Level.Trial)
    public void open() {
        memory = new Memory(device);
        int[] n = Memory.numbers(shape);
        function = ACTIVATIONS.get(activation);
        x = memory.random(n);
        gradient = memory.random(n);
        output = memory.zeros(n);
        inputGradient = memory.zeros(n);
        memory.ops().activation().softmax(x, false, output);
    }

    @TearDown(Level.Trial)
    public void close() {
        memory.close();
    }

    @Benchmark
    public void forward() {
        memory.ops().activation().forward(x, function, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void backward() {
        memory.ops().activation().backward(gradient, function, x, false, inputGradient);
        memory.device().synchronize();
    }

    @Benchmark
    public void softmax() {
        memory.ops().activation().softmax(x, false, inputGradient);
        memory.device().synchronize();
    }

    @Benchmark
    public void softmaxBackward() {
        memory.ops().activation().softmaxBackward(gradient, output, false, false, inputGradient);
        memory.device().synchronize();
    }
}
