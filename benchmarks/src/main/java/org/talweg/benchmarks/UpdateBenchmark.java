package org.talweg.benchmarks;

import java.util.List;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.ops.ClipRule;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.optim.FusedOptimizer;
import org.talweg.optim.Optimizers;
import org.talweg.tensor.Tensor;

/** One step of an optimizer over so many parameters, with what prepares it and norms of its own. Each call waits for its result. */
public class UpdateBenchmark extends OpsSuite {
    /** of a network of two layers; of a large one */
    @Param({"101770", "10000000"})
    public String parameters;

    @Param({"sgd", "adam", "lion", "adagrad"})
    public String optimizer;

    private UpdateRule rule;
    private Tensor values;
    private Tensor gradients;
    private Tensor partials;
    private Tensor none;
    private List<Tensor> states;
    private StepState state;

    @Setup(Level.Trial)
    public void open() {
        memory = new Memory(device);
        int n = Integer.parseInt(parameters);
        FusedOptimizer fused = switch (optimizer) {
            case "sgd" -> Optimizers.sgd();
            case "adam" -> Optimizers.adam();
            case "lion" -> Optimizers.lion();
            default -> Optimizers.adagrad();
        };
        rule = fused.rule();
        values = memory.random(n);
        gradients = memory.random(n);
        partials = memory.zeros(memory.ops().update().squarePartials(n));
        none = memory.zeros(1);
        states = Stream.generate(() -> memory.zeros(n)).limit(rule.buffers()).toList();
        state = StepState.allocate(memory.device(), 1);
        memory.device().upload(new float[] {1e-3f, 0.9f}, state.schedule());
        memory.ops().update().prepareStep(state, rule, ClipRule.NONE, none, null, none);
    }

    @Override
    public void close() {
        state.close();
        super.close();
    }

    @Benchmark
    public void sumOfSquares() {
        memory.ops().update().sumOfSquares(gradients, partials);
        memory.device().synchronize();
    }

    @Benchmark
    public void dot() {
        memory.ops().update().dot(values, gradients, partials);
        memory.device().synchronize();
    }

    @Benchmark
    public void apply() {
        memory.ops().update().apply(rule, values, gradients, states, null, state);
        memory.device().synchronize();
    }
}
