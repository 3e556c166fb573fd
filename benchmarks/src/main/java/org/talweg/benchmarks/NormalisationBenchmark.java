package org.talweg.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.tensor.Tensor;

/** Layer, RMS and batch normalisation. Each call waits for its result. */
public class NormalisationBenchmark extends OpsSuite {
    /** rows, columns */
    @Param({"128x512"})
    public String shape;

    private Tensor x;
    private Tensor gradient;
    private Tensor weight;
    private Tensor bias;
    private Tensor rowMean;
    private Tensor rowDeviation;
    private Tensor mean;
    private Tensor variance;
    private Tensor runningMean;
    private Tensor runningVariance;
    private Tensor skip;
    private Tensor output;
    private Tensor weightGradient;
    private Tensor biasGradient;
    private Tensor squarePartials;

    @Setup(Level.Trial)
    public void open() {
        memory = new Memory(device);
        int[] n = Memory.numbers(shape);
        x = memory.random(n);
        gradient = memory.random(n);
        weight = memory.random(n[1]);
        bias = memory.random(n[1]);
        rowMean = memory.zeros(n[0]);
        rowDeviation = memory.zeros(n[0]);
        mean = memory.zeros(n[1]);
        variance = memory.zeros(n[1]);
        runningMean = memory.zeros(n[1]);
        runningVariance = memory.zeros(n[1]);
        skip = memory.zeros(1);
        output = memory.zeros(n);
        weightGradient = memory.zeros(n[1]);
        biasGradient = memory.zeros(n[1]);
        squarePartials = memory.zeros(memory.ops().normalisation().squarePartials(n[1]));
    }

    @Benchmark
    public void layerNorm() {
        memory.ops().normalisation().layerNorm(x, weight, bias, 1e-5f, rowMean, rowDeviation, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void rmsNorm() {
        memory.ops().normalisation().layerNorm(x, weight, null, 1e-5f, null, rowDeviation, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void layerNormBackwardInput() {
        memory.ops().normalisation().layerNormBackwardInput(gradient, x, weight, rowMean, rowDeviation, false,
            output);
        memory.device().synchronize();
    }

    @Benchmark
    public void layerNormBackwardWeights() {
        memory.ops().normalisation().layerNormBackwardWeights(gradient, x, rowMean, rowDeviation, false, weightGradient,
            biasGradient, squarePartials);
        memory.device().synchronize();
    }

    @Benchmark
    public void batchNorm() {
        memory.ops().normalisation().batchNorm(x, weight, bias, 1e-5f, true, mean, variance, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void batchNormBackward() {
        memory.ops().normalisation().batchNormBackward(gradient, x, weight, 1e-5f, true, mean, variance, false,
            weightGradient, biasGradient, squarePartials, false, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void updateRunningStatistics() {
        memory.ops().normalisation().updateRunningStatistics(skip, mean, variance, x.dim(0), 0.1f, runningMean,
            runningVariance);
        memory.device().synchronize();
    }
}
