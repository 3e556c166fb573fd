package org.talweg.benchmarks;

import java.util.Locale;
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
import org.talweg.ops.Fusion;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;

/**
 * A whole training step: forward, softmax cross-entropy, backward, clipping and Adam, in groups between which the host
 * fills the tables again. With {@code -prof gc} its {@code gc.alloc.rate.norm} is what a step leaves on the Java heap.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class StepBenchmark {
    @Param({"cpu"})
    public String device;

    /** Widths from input to classes; the batch is the last. */
    @Param({"784-128-10/64", "784-512-512-10/128"})
    public String net;

    /** Matters on CUDA devices alone: {@code -p net=64-64-64-10/256 -p fusion=ON,OFF} compares both ways. */
    @Param({"AUTO"})
    public Fusion fusion;

    /** What the tensor cores of a GPU multiply. */
    @Param({"FLOAT32"})
    public Precision precision;

    /** Whose matrix products, on a GPU: also cublas and auto. */
    @Param({"talweg"})
    public String products;

    private Memory memory;
    private TrainedNet trained;

    @Setup(Level.Trial)
    public void open() {
        memory = new Memory(device);
        memory.device().products(MatrixProducts.valueOf(products.toUpperCase(Locale.ROOT)));
        trained = new TrainedNet(memory, net, precision, fusion);
    }

    @TearDown(Level.Trial)
    public void close() throws Exception {
        trained.close();
        memory.close();
    }

    @Benchmark
    public void step() {
        trained.step();
        memory.device().synchronize();
    }
}
