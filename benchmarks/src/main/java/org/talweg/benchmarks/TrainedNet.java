package org.talweg.benchmarks;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.FusedMlp;
import org.talweg.ops.Fusion;
import org.talweg.ops.Precision;
import org.talweg.ops.StepState;
import org.talweg.optim.Clip;
import org.talweg.optim.FusedOptimizer;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.ParameterGroups;
import org.talweg.optim.ParameterLayout;
import org.talweg.tape.Loss;
import org.talweg.tape.ProgramMemory;
import org.talweg.tape.TrainingProgram;
import org.talweg.tape.TrainingStep;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * A multi-layer perceptron with its training program: ReLU between the layers, softmax cross-entropy, clipping and Adam; or
 * logistic regression by SGD where it ends in one unit.
 */
final class TrainedNet implements AutoCloseable {
    /** Steps between which the host fills the tables again. */
    static final int GROUP = 256;

    private final Memory memory;
    private final List<Integer> widths;
    private final int batch;
    private final List<AutoCloseable> resources = new ArrayList<>();
    private final StepState state;
    private final TrainingProgram program;
    private final int[] zeros = new int[StepState.COUNTERS];
    private int done;

    /** @param net widths from input to classes; the batch is the last: {@code 784-128-10/64} */
    TrainedNet(Memory memory, String net, Precision precision, Fusion fusion) {
        this.memory = memory;
        int[] n = Memory.numbers(net);
        batch = n[n.length - 1];
        widths = IntStream.of(n).limit(n.length - 1L).boxed().toList();
        Sequential.Builder builder = Sequential.builder(Shape.of(widths.get(0))).seed(1).precision(precision);
        for (int i = 1; i < widths.size() - 1; i++) {
            builder.dense(widths.get(i), Activation.RELU);
        }
        Model model = keep(builder.dense(outputs()).build(memory.device()));
        int[] order = new int[GROUP * batch];
        for (int i = 0; i < GROUP; i++) {
            System.arraycopy(rows(), 0, order, i * batch, batch);
        }
        state = keep(StepState.allocate(memory.device(), GROUP));
        memory.device().upload(rates(GROUP, 1e-4f), state.schedule());
        Optimizer.State update = keep(optimizer().newState(memory.device(),
            ParameterLayout.of(model.tape(), ParameterGroups.none()), Clip.byGlobalNorm(1)));
        TrainingStep step = new TrainingStep(model.parameters(), model.states(),
            memory.zeros(Math.toIntExact(model.parameters().elements())), memory.random(batch, widths.get(0)), targets(),
            memory.ints(order), state, loss(), update, Set.of(), fusion);
        program = keep(new TrainingProgram(model.tape(), keep(new ProgramMemory(memory.device(), batch)), batch, step));
    }

    /** A table of rates and momenta for so many steps. */
    static float[] rates(int steps, float rate) {
        float[] rates = new float[steps * StepState.SCHEDULE_COLUMNS];
        for (int i = 0; i < steps; i++) {
            rates[i * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_LEARNING_RATE] = rate;
            rates[i * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_MOMENTUM] = 0.9f;
        }
        return rates;
    }

    /** Layers that lie one behind the other. @param widths from input to classes */
    static FusedMlp mlp(List<Integer> widths, Precision precision) {
        List<FusedMlp.Layer> all = new ArrayList<>();
        long at = 0;
        for (int l = 1; l < widths.size(); l++) {
            long bias = at + aligned((long) widths.get(l) * widths.get(l - 1));
            all.add(new FusedMlp.Layer("dense_" + l, widths.get(l - 1), widths.get(l), at, bias,
                l == widths.size() - 1 ? Activation.IDENTITY : Activation.RELU));
            at = bias + aligned(widths.get(l));
        }
        return new FusedMlp(all, at, precision);
    }

    private static long aligned(long elements) {
        return (elements + 3) / 4 * 4;
    }

    private <T extends AutoCloseable> T keep(T resource) {
        resources.add(0, resource);
        return resource;
    }

    private int outputs() {
        return widths.get(widths.size() - 1);
    }

    private boolean isLogistic() {
        return outputs() == 1;
    }

    private Tensor targets() {
        if (isLogistic()) {
            return memory.random(batch, 1);
        }
        return memory.ints(IntStream.range(0, batch).map(i -> i % outputs()).toArray());
    }

    Loss loss() {
        return isLogistic() ? Losses.binaryCrossEntropyWithLogits() : Losses.softmaxCrossEntropy();
    }

    /** How the name of the loss's kernel begins. */
    String lossKernel() {
        return isLogistic() ? "binary_cross_entropy" : "cross_entropy";
    }

    FusedOptimizer optimizer() {
        return isLogistic() ? Optimizers.sgd() : Optimizers.adam();
    }

    List<Integer> widths() {
        return widths;
    }

    int batch() {
        return batch;
    }

    /** Of a batch, in the data set. */
    int[] rows() {
        return IntStream.range(0, batch).map(i -> i * 7 % batch).toArray();
    }

    boolean isFused() {
        return program.isFused();
    }

    /** One step, into the stream. */
    void step() {
        if (done++ % GROUP == 0) {
            memory.device().upload(zeros, state.counters());
        }
        program.run();
    }

    @Override
    public void close() throws Exception {
        for (AutoCloseable resource : resources) {
            resource.close();
        }
    }
}
