package org.talweg.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.talweg.ops.Activation;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.FusedMlp;
import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.LossBatch;
import org.talweg.ops.LossTerms;
import org.talweg.ops.Precision;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Forward, softmax cross-entropy and backward of a narrow network, at once and layer by layer. A device that fuses nothing
 * runs layers in both. Each call waits for its result.
 */
public class FusedMlpBenchmark extends OpsSuite {
    /** Widths from input to classes; the batch is the last. */
    @Param({"64-64-64-64-10/1024", "64-128-10/1024"})
    public String net;

    @Param({"FLOAT32", "BF16"})
    public Precision precision;

    private int batch;
    private FusedMlpOps.Plan plan;
    private FusedMlpOps.Step step;
    private final List<Layer> layers = new ArrayList<>();
    private LossBatch loss;

    /** Of the network one by one; the first has no input gradient. */
    private record Layer(Tensor x, Tensor weights, Tensor bias, Activation activation, Tensor output, Tensor gradient,
                         Tensor inputGradient, Tensor weightGradient, Tensor biasGradient, Tensor squarePartials,
                         Tensor workspace) {
    }

    @Setup(Level.Trial)
    public void open() {
        memory = new Memory(device);
        int[] n = Memory.numbers(net);
        batch = n[n.length - 1];
        int classes = n[n.length - 2];
        FusedMlp mlp = TrainedNet.mlp(IntStream.of(n).limit(n.length - 1L).boxed().toList(), precision);
        Tensor features = memory.random(batch, n[0]);
        int[] classOf = new int[batch];
        for (int i = 0; i < batch; i++) {
            classOf[i] = i % classes;
        }
        Tensor labels = memory.ints(classOf);
        Tensor parameters = memory.random((int) mlp.length());
        Tensor gradients = memory.zeros((int) mlp.length());
        Tensor rowLosses = memory.zeros(batch);
        FusedMlpOps ops = memory.ops().fusedMlp();
        if (ops.refusal(mlp) == null) {
            plan = ops.plan(mlp, batch);
            step = new FusedMlpOps.Step(memory.ints(plan.layout()), memory.zeros(plan.shares() * (int) mlp.length()), features,
                null, parameters, new LossTerms(new LossTerms.OfClasses(CrossEntropy.plain(true), null, null), 1, 1.0 / batch),
                labels, rowLosses, null, gradients, memory.zeros(plan.squarePartials()));
        }
        Tensor x = features;
        Tensor gradient = null;
        for (FusedMlp.Layer each : mlp.layers()) {
            layers.add(layer(each, x, gradient, parameters, gradients));
            x = layers.get(layers.size() - 1).output;
            gradient = layers.get(layers.size() - 1).gradient;
        }
        loss = new LossBatch(x, labels, null, 1, 1.0 / batch, rowLosses, null, gradient);
    }

    private Layer layer(FusedMlp.Layer each, Tensor x, Tensor inputGradient, Tensor parameters, Tensor gradients) {
        DenseOps dense = memory.ops().dense().at(precision);
        DenseShape shape = new DenseShape(batch, each.outputs(), each.inputs());
        Shape weights = Shape.of(each.outputs(), each.inputs());
        Shape bias = Shape.of(each.outputs());
        return new Layer(x, parameters.view(each.weights(), weights), parameters.view(each.bias(), bias), each.activation(),
            memory.zeros(batch, each.outputs()), memory.zeros(batch, each.outputs()), inputGradient,
            gradients.view(each.weights(), weights), gradients.view(each.bias(), bias),
            memory.zeros(dense.squarePartials(shape)),
            memory.zeros(Math.max(1, Math.toIntExact(dense.workspace(shape)))));
    }

    @Benchmark
    public void fused() {
        if (plan == null) {
            layers();
            return;
        }
        plan.run(step);
        memory.device().synchronize();
    }

    @Benchmark
    public void layers() {
        DenseOps dense = memory.ops().dense().at(precision);
        for (Layer each : layers) {
            dense.forward(each.x, null, each.weights, each.bias, each.activation, null, each.output);
        }
        memory.ops().loss().crossEntropy(CrossEntropy.plain(true), loss, null, null);
        for (int i = layers.size() - 1; i > 0; i--) {
            Layer each = layers.get(i);
            dense.backward(each.x, null, each.gradient, false, each.weightGradient, each.biasGradient, each.squarePartials,
                each.workspace, each.weights, layers.get(i - 1).activation, each.x, false, each.inputGradient);
        }
        Layer first = layers.get(0);
        dense.backwardWeights(first.x, null, first.gradient, false, first.weightGradient, first.biasGradient,
            first.squarePartials, first.workspace);
        memory.device().synchronize();
    }
}
