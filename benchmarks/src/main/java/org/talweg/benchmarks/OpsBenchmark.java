package org.talweg.benchmarks;

import java.util.ArrayList;
import java.util.List;
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
import org.talweg.ops.ClipRule;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** The dense products and the Adam update on one device; each call waits for its result. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class OpsBenchmark {
    private static final UpdateRule ADAM = new UpdateRule.Adam(0.999f, 1e-8f, 0, false, false, 0, false);

    @Param({"cpu"})
    public String device;

    /** batch, outputs, inputs. */
    @Param({"64,128,64", "128,512,512"})
    public String shape;

    private Device opened;
    private final List<Tensor> allocated = new ArrayList<>();
    private Tensor x;
    private Tensor weights;
    private Tensor bias;
    private Tensor gradient;
    private Tensor output;
    private Tensor inputGradient;
    private Tensor weightGradient;
    private Tensor biasGradient;
    private Tensor squarePartials;
    private Tensor workspace;
    private List<Tensor> moments;
    private StepState state;

    @Setup(Level.Trial)
    public void open() {
        String[] parts = shape.split(",");
        DenseShape dense = new DenseShape(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]),
            Integer.parseInt(parts[2]));
        opened = Devices.open(device);
        x = random(Shape.of(dense.batch(), dense.inputs()), 1);
        weights = random(Shape.of(dense.outputs(), dense.inputs()), 2);
        bias = random(Shape.of(dense.outputs()), 3);
        gradient = random(Shape.of(dense.batch(), dense.outputs()), 4);
        output = random(Shape.of(dense.batch(), dense.outputs()), 5);
        inputGradient = random(Shape.of(dense.batch(), dense.inputs()), 6);
        weightGradient = random(Shape.of(dense.outputs(), dense.inputs()), 7);
        biasGradient = random(Shape.of(dense.outputs()), 8);
        squarePartials = allocate(DType.FLOAT32, Shape.of(opened.ops().dense().squarePartials(dense)));
        workspace = allocate(DType.FLOAT32,
            Shape.of(Math.max(1, Math.toIntExact(opened.ops().dense().workspace(dense)))));
        moments = List.of(allocate(DType.FLOAT32, weights.shape()), allocate(DType.FLOAT32, weights.shape()));
        state = StepState.allocate(opened, 1);
        opened.upload(new float[] {1e-3f, 0.9f}, state.schedule());
        opened.ops().update().prepareStep(state, ADAM, ClipRule.NONE, allocate(DType.FLOAT32, Shape.of(1)), null,
            allocate(DType.FLOAT32, Shape.of(1)));
    }

    @TearDown(Level.Trial)
    public void close() {
        allocated.forEach(tensor -> tensor.buffer().close());
        state.close();
        opened.close();
    }

    @Benchmark
    public void forward() {
        opened.ops().dense().forward(x, null, weights, bias, Activation.RELU, null, output);
        opened.synchronize();
    }

    @Benchmark
    public void backwardInput() {
        opened.ops().dense().backwardInput(gradient, weights, Activation.RELU, x, false, inputGradient);
        opened.synchronize();
    }

    @Benchmark
    public void backwardWeights() {
        opened.ops().dense().backwardWeights(x, null, gradient, false, weightGradient, biasGradient, squarePartials,
            workspace);
        opened.synchronize();
    }

    @Benchmark
    public void adam() {
        opened.ops().update().apply(ADAM, weights, weightGradient, moments, null, state);
        opened.synchronize();
    }

    private Tensor random(Shape tensorShape, int stream) {
        Tensor tensor = allocate(DType.FLOAT32, tensorShape);
        opened.ops().random().fillUniform(tensor, 42, stream, -1, 1);
        return tensor;
    }

    private Tensor allocate(DType dtype, Shape tensorShape) {
        Tensor tensor = opened.allocate(dtype, tensorShape, "benchmark");
        allocated.add(tensor);
        return tensor;
    }
}
