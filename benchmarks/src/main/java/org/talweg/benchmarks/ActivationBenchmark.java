package org.talweg.benchmarks;

import java.util.Map;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.ops.Activation;
import org.talweg.tensor.Tensor;

/** Activations on their own, and softmax. Each call waits for its result. */
public class ActivationBenchmark extends OpsSuite {
    /** rows, columns */
    @Param({"128x512"})
    public String shape;

    /** cheap, an exponential, an error function */
    @Param({"RELU", "SILU", "GELU"})
    public String activation;

    private static final Map<String, Activation> ACTIVATIONS =
        Map.of("RELU", Activation.RELU, "SILU", Activation.SILU, "GELU", Activation.GELU);

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
