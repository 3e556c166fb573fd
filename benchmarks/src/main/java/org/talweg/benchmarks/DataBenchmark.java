package org.talweg.benchmarks;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.ops.BatchRows;
import org.talweg.tensor.Tensor;

/** Moving data, random numbers and dropout. Each call waits for its result. */
public class DataBenchmark extends OpsSuite {
    /** rows of the batch, columns */
    @Param({"128x784"})
    public String shape;

    private Tensor source;
    private Tensor batch;
    private Tensor output;
    private Tensor counts;
    private BatchRows rows;

    @Setup(Level.Trial)
    public void open() {
        memory = new Memory(device);
        int[] n = Memory.numbers(shape);
        source = memory.random(4 * n[0], n[1]);
        batch = memory.random(n);
        output = memory.zeros(n);
        counts = memory.ints(0, 0);
        int[] order = new int[4 * n[0]];
        for (int i = 0; i < order.length; i++) {
            order[i] = (int) (i * 7919L % order.length);
        }
        rows = new BatchRows(memory.ints(order), memory.ints(0));
    }

    @Benchmark
    public void gatherRows() {
        memory.ops().data().gatherRows(source, rows, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void copy() {
        memory.ops().data().copy(batch, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void zero() {
        memory.ops().data().zero(output);
        memory.device().synchronize();
    }

    @Benchmark
    public void combine() {
        memory.ops().data().combine(batch, 0.5f, batch, 0, null, output);
        memory.device().synchronize();
    }

    @Benchmark
    public void fillUniform() {
        memory.ops().random().fillUniform(output, 1, 2, -1, 1);
        memory.device().synchronize();
    }

    @Benchmark
    public void fillNormal() {
        memory.ops().random().fillNormal(output, 1, 2, 0, 1);
        memory.device().synchronize();
    }

    @Benchmark
    public void dropout() {
        memory.ops().random().dropout(batch, 0.2f, 1, 2, 0, counts, false, output);
        memory.device().synchronize();
    }
}
