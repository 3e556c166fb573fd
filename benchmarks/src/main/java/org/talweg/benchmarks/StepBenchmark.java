package org.talweg.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
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
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Fusion;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.StepState;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ParameterGroups;
import org.talweg.optim.ParameterLayout;
import org.talweg.tape.ProgramMemory;
import org.talweg.tape.TrainingProgram;
import org.talweg.tape.TrainingStep;
import org.talweg.tensor.Shape;

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
    private static final int GROUP = 256;

    @Param({"cpu"})
    public String device;

    /** Widths from input to classes; the batch is the last. */
    @Param({"784-128-10/64", "784-512-512-10/128"})
    public String net;

    /** Matters on CUDA devices alone: {@code -p net=64-64-64-10/256 -p fusion=ON,OFF} compares both ways. */
    @Param({"AUTO"})
    public Fusion fusion;

    /** Whose matrix products, on a GPU: also cublas and auto. */
    @Param({"talweg"})
    public String products;

    private Memory memory;
    private final List<AutoCloseable> resources = new ArrayList<>();
    private StepState state;
    private TrainingProgram program;
    private final int[] zeros = new int[StepState.COUNTERS];
    private int done;

    @Setup(Level.Trial)
    public void open() {
        int[] widths = Memory.numbers(net);
        int batch = widths[widths.length - 1];
        int inputs = widths[0];
        int classes = widths[widths.length - 2];
        memory = new Memory(device);
        memory.device().products(MatrixProducts.valueOf(products.toUpperCase(Locale.ROOT)));
        Sequential.Builder builder = Sequential.builder(Shape.of(inputs)).seed(1);
        for (int i = 1; i < widths.length - 2; i++) {
            builder.dense(widths[i], Activation.RELU);
        }
        Model model = keep(builder.dense(classes).build(memory.device()));
        int[] numbers = new int[GROUP * batch];
        Arrays.setAll(numbers, i -> i * 7 % batch);
        state = keep(StepState.allocate(memory.device(), GROUP));
        float[] rates = new float[GROUP * StepState.SCHEDULE_COLUMNS];
        for (int i = 0; i < GROUP; i++) {
            rates[i * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_LEARNING_RATE] = 1e-4f;
            rates[i * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_MOMENTUM] = 0.9f;
        }
        memory.device().upload(rates, state.schedule());
        int[] labels = new int[batch];
        Arrays.setAll(labels, i -> i % classes);
        Optimizer.State update = keep(Optimizers.adam().newState(memory.device(),
            ParameterLayout.of(model.tape(), ParameterGroups.none()), Clip.byGlobalNorm(1)));
        TrainingStep step = new TrainingStep(model.parameters(), model.states(),
            memory.zeros(Math.toIntExact(model.parameters().elements())), memory.random(batch, inputs),
            memory.ints(labels), memory.ints(numbers), state, Losses.softmaxCrossEntropy(), update, Set.of(),
            fusion);
        program = keep(new TrainingProgram(model.tape(), keep(new ProgramMemory(memory.device(), batch)), batch, step));
    }

    private <T extends AutoCloseable> T keep(T resource) {
        resources.add(0, resource);
        return resource;
    }

    @TearDown(Level.Trial)
    public void close() throws Exception {
        for (AutoCloseable resource : resources) {
            resource.close();
        }
        memory.close();
    }

    @Benchmark
    public void step() {
        if (done++ % GROUP == 0) {
            memory.device().upload(zeros, state.counters());
        }
        program.run();
        memory.device().synchronize();
    }
}
