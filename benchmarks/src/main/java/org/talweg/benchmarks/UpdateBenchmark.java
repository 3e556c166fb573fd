package org.talweg.benchmarks;

import java.util.List;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.ops.ClipRule;
import org.talweg.ops.Segment;
import org.talweg.ops.Segments;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.optim.FusedOptimizer;
import org.talweg.optim.Optimizers;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** One step of an optimizer over so many parameters, with what prepares it, norms and clipping. Each call waits for its result. */
public class UpdateBenchmark extends OpsSuite {
    private static final ClipRule CLIP = new ClipRule(-1, 1, 2, 1, false);
    /** Of what is clipped row by row. */
    private static final int ROW = 64;
    private static final int[] FIRST = {0};

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
    private Segments segments;
    private Tensor norms;
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
        segments = new Segments(memory.device(), List.of(new Segment("weights", 0, Shape.of(n / ROW, ROW), 1, 1, false)));
        norms = memory.zeros(segments.count());
        state = StepState.allocate(memory.device(), 1);
        memory.device().upload(new float[] {1e-3f, 0.9f}, state.schedule());
        memory.ops().update().prepareStep(state, rule, ClipRule.NONE, none, null, none);
    }

    @Override
    public void close() {
        state.close();
        segments.close();
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
    public void gradientNorms() {
        memory.ops().update().gradientNorms(gradients, segments, CLIP, norms);
        memory.device().synchronize();
    }

    @Benchmark
    public void segmentFactors() {
        memory.ops().update().segmentFactors(segments, CLIP, norms);
        memory.device().synchronize();
    }

    @Benchmark
    public void adaptiveClip() {
        memory.ops().update().adaptiveClip(values, gradients, segments, 0.01f, 1e-3f);
        memory.device().synchronize();
    }

    @Benchmark
    public void prepareStep() {
        // The table of rates has one row.
        memory.device().upload(FIRST, state.iteration());
        memory.ops().update().prepareStep(state, rule, ClipRule.NONE, none, null, partials);
        memory.device().synchronize();
    }

    @Benchmark
    public void apply() {
        memory.ops().update().apply(rule, values, gradients, states, null, state);
        memory.device().synchronize();
    }
}
