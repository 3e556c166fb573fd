package org.talweg.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.ElementwiseLoss;
import org.talweg.ops.LossBatch;
import org.talweg.tensor.Tensor;

/** Losses with their gradients. Each call waits for its result. */
public class LossBenchmark extends OpsSuite {
    /** rows, classes or columns */
    @Param({"64x10", "512x1000"})
    public String shape;

    private LossBatch classes;
    private LossBatch numbers;
    private Tensor labels;
    private Tensor factors;

    @Setup(Level.Trial)
    public void open() {
        memory = new Memory(device);
        int[] n = Memory.numbers(shape);
        Tensor prediction = memory.random(n);
        Tensor gradient = memory.zeros(n);
        Tensor losses = memory.zeros(n[0]);
        int[] classOf = new int[n[0]];
        for (int i = 0; i < n[0]; i++) {
            classOf[i] = i % n[1];
        }
        labels = memory.ints(classOf);
        factors = memory.zeros(2);
        classes = new LossBatch(prediction, labels, null, 1, 1.0 / n[0], losses, null, gradient);
        numbers = new LossBatch(prediction, memory.random(n), null, 1, 1.0 / n[0], losses, null, gradient);
    }

    @Benchmark
    public void softmaxCrossEntropy() {
        memory.ops().loss().crossEntropy(CrossEntropy.plain(true), classes, null, null);
        memory.device().synchronize();
    }

    @Benchmark
    public void labelFactors() {
        memory.ops().loss().labelFactors(new CrossEntropy(true, 0, 0), labels, null, labels.dim(0), null, true, factors);
        memory.device().synchronize();
    }

    @Benchmark
    public void squaredError() {
        memory.ops().loss().elementwise(ElementwiseLoss.of(ElementwiseLoss.Formula.SQUARED_ERROR), numbers, null, null);
        memory.device().synchronize();
    }

    @Benchmark
    public void binaryCrossEntropy() {
        memory.ops().loss().elementwise(ElementwiseLoss.of(ElementwiseLoss.Formula.BINARY_CROSS_ENTROPY), numbers, null,
            null);
        memory.device().synchronize();
    }
}
