package org.talweg.benchmarks;

import java.util.List;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.ops.ClipRule;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.Segment;
import org.talweg.ops.Segments;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** The phases of an optimizer that measures before it updates, over one matrix. Each call waits for its result. */
public class MeasuredUpdateBenchmark extends OpsSuite {
    /** For what is no matrix. */
    private static final UpdateRule.Adam ADAM = new UpdateRule.Adam(0.999f, 1e-8f, 0, true, false, 0, false);

    /** rows, columns */
    @Param({"2048x2048"})
    public String shape;

    @Param({"lamb", "prodigy", "muon"})
    public String optimizer;

    private UpdateRule rule;
    private Tensor values;
    private Tensor gradients;
    private Tensor scaled;
    private Tensor sums;
    private List<Tensor> states;
    private Tensor matrix;
    private Tensor square;
    private Tensor result;
    private Segments segments;
    private StepState state;

    @Setup(Level.Trial)
    public void open() {
        memory = new Memory(device);
        int[] n = Memory.numbers(shape);
        int length = n[0] * n[1];
        int side = Math.min(n[0], n[1]);
        rule = switch (optimizer) {
            case "lamb" -> new MeasuredRule.Lamb(0.999f, 1e-6f, 1e-2f);
            case "prodigy" -> new MeasuredRule.Prodigy(0.999f, 1e-8f, 0, 1e-6f, 1);
            default -> new MeasuredRule.Muon(1e-7f, 0.1f, true, false, ADAM, 0.9f, 1);
        };
        values = memory.random(length);
        gradients = memory.random(length);
        scaled = memory.random(length);
        states = Stream.generate(() -> memory.zeros(length)).limit(rule.buffers()).toList();
        matrix = memory.random(side, side);
        square = memory.random(side, side);
        result = memory.zeros(side, side);
        segments = new Segments(memory.device(), List.of(Segment.whole(Shape.of(n))));
        sums = memory.zeros(segments.count(), 2);
        Tensor none = memory.zeros(1);
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
    public void measure() {
        memory.ops().update().measure(rule, values, gradients, states, segments, state, sums);
        memory.device().synchronize();
    }

    @Benchmark
    public void settle() {
        memory.ops().update().settle(rule, segments, state, sums);
        memory.device().synchronize();
    }

    @Benchmark
    public void scale() {
        memory.ops().update().scale(scaled, segments);
        memory.device().synchronize();
    }

    @Benchmark
    public void polynomial() {
        memory.ops().update().polynomial(matrix, square, 3.4f, -4.8f, 2, result);
        memory.device().synchronize();
    }

    @Benchmark
    public void apply() {
        memory.ops().update().apply(rule, values, gradients, states, segments, state);
        memory.device().synchronize();
    }
}
