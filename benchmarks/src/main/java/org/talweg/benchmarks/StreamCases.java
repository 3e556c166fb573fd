package org.talweg.benchmarks;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.talweg.cuda.CudaDevice;
import org.talweg.ops.Activation;
import org.talweg.ops.ActivationOps;
import org.talweg.ops.BatchRows;
import org.talweg.ops.ClipRule;
import org.talweg.ops.CrossEntropy;
import org.talweg.ops.DataOps;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.ElementwiseLoss;
import org.talweg.ops.LossBatch;
import org.talweg.ops.LossOps;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.NormalisationOps;
import org.talweg.ops.Precision;
import org.talweg.ops.RandomOps;
import org.talweg.ops.Segment;
import org.talweg.ops.Segments;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateOps;
import org.talweg.ops.UpdateRule;
import org.talweg.optim.FusedOptimizer;
import org.talweg.optim.Optimizers;
import org.talweg.tensor.Philox;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Launches of every kernel that is no matrix product. */
final class StreamCases implements AutoCloseable {
    /** Tensors of a set; the widest optimizer has four states. */
    private static final int TENSORS = 6;
    private static final int COLUMNS = 1024;
    private static final long SEED = 42;
    private static final int ROWS_OF_A_STEP = 512;
    /** Of the case that takes a step each time. */
    private static final int MOST_STEPS = 1000;
    private static final ClipRule CLIP = new ClipRule(-1, 1, 2, 1, false);
    private static final UpdateRule.Adam ADAM = new UpdateRule.Adam(0.999f, 1e-8f, 0, true, false, 0, false);

    /**
     * @param bytes that it must move; 0 where they are so few that waiting is all its time
     * @param run   a launch with the operands of one set
     */
    record Case(String name, double bytes, IntConsumer run) {
    }

    private final Memory memory;
    private final int n;
    private final List<Tensor[]> sets;
    private final List<AutoCloseable> resources = new ArrayList<>();
    private final List<Case> all = new ArrayList<>();

    StreamCases(Memory memory, KernelTimer timer, boolean small) {
        this.memory = memory;
        n = small ? 1 << 14 : 1 << 25;
        sets = timer.sets(4L * n, () -> {
            Tensor[] set = new Tensor[TENSORS];
            Arrays.setAll(set, i -> memory.zeros(n));
            return set;
        });
        for (Tensor[] set : sets) {
            for (int i = 0; i < TENSORS; i++) {
                // Numbers that all formulas take: probabilities, neither 0 nor 1.
                memory.ops().random().fillUniform(set[i], SEED, i, 0.1f, 0.9f);
            }
        }
        data(memory.ops().data(), timer);
        random(memory.ops().random());
        activations(memory.ops().activation());
        normalisation(memory.ops().normalisation());
        losses(memory.ops().loss());
        norms(memory.ops().update());
        updates(memory.ops().update());
        measured(memory.ops().update());
    }

    int sets() {
        return sets.size();
    }

    /** The copy first. */
    List<Case> all() {
        return all;
    }

    private void add(String name, double bytes, IntConsumer run) {
        all.add(new Case(name, bytes, run));
    }

    /** Tensor {@code i} of a set, flat. */
    private Tensor flat(int set, int i) {
        return sets.get(set)[i];
    }

    private Tensor matrix(int set, int i, int columns) {
        return sets.get(set)[i].reshape(Shape.of(n / columns, columns));
    }

    private <T extends AutoCloseable> T keep(T resource) {
        resources.add(resource);
        return resource;
    }

    /** Of weights to bfloat16, anew each time because others might write to them, with a product of one row that reads them. */
    private void rounding(CudaDevice device, int rows) {
        DenseOps dense = memory.ops().dense().at(Precision.BF16);
        DenseShape shape = new DenseShape(1, rows, COLUMNS);
        if (dense.weightBytes(shape) < Float.BYTES) {
            Tensor weights = memory.random(rows, COLUMNS);
            Tensor x = memory.random(1, COLUMNS);
            Tensor result = memory.zeros(1, rows);
            dense.plan(shape, weights);
            device.pointer(weights);
            add("to bfloat16, and a product of one row", 8.0 * n + 4.0 * (COLUMNS + rows),
                s -> dense.forward(x, null, weights, null, Activation.IDENTITY, null, result));
        }
    }

    private void data(DataOps ops, KernelTimer timer) {
        int rows = n / COLUMNS;
        BatchRows order = new BatchRows(memory.ints(Philox.permutation(rows, 1, 1)), memory.ints(0));
        add("copy", 8.0 * n, s -> ops.copy(flat(s, 0), flat(s, 1)));
        add("zero", 4.0 * n, s -> ops.zero(flat(s, 1)));
        add("gather rows", 8.0 * n + 4.0 * rows,
            s -> ops.gatherRows(matrix(s, 0, COLUMNS), order, matrix(s, 1, COLUMNS)));
        rounding(timer.device(), rows);
        add("combine", 16.0 * n, s -> ops.combine(flat(s, 0), 0.5f, flat(s, 1), 0.5f, flat(s, 2), flat(s, 3)));
    }

    private void random(RandomOps ops) {
        Tensor steps = memory.ints(0, 0);
        add("uniform numbers", 4.0 * n, s -> ops.fillUniform(flat(s, 0), SEED, 0, 0.1f, 0.9f));
        add("normal numbers", 4.0 * n, s -> ops.fillNormal(flat(s, 5), SEED, 0, 0, 1));
        add("dropout", 8.0 * n, s -> ops.dropout(flat(s, 0), 0.2f, SEED, 1, 0, steps, false, flat(s, 5)));
    }

    private void activations(ActivationOps ops) {
        for (Activation each : List.of(Activation.RELU, Activation.TANH, Activation.GELU)) {
            String name = each.kind().name();
            add(name, 8.0 * n, s -> ops.forward(flat(s, 0), each, flat(s, 5)));
            add(name + ", backward", 12.0 * n, s -> ops.backward(flat(s, 0), each, flat(s, 1), false, flat(s, 5)));
        }
        for (int columns : new int[] {256, 2048}) {
            add("softmax of " + columns, 8.0 * n,
                s -> ops.softmax(matrix(s, 0, columns), false, matrix(s, 5, columns)));
            add("softmax of " + columns + ", backward", 12.0 * n, s -> ops.softmaxBackward(matrix(s, 0, columns),
                matrix(s, 1, columns), false, false, matrix(s, 5, columns)));
        }
    }

    private void normalisation(NormalisationOps ops) {
        for (int columns : new int[] {256, 2048}) {
            int rows = n / columns;
            Tensor weight = memory.random(columns);
            Tensor mean = memory.zeros(rows);
            Tensor deviation = memory.zeros(rows);
            Tensor gradient = memory.zeros(columns);
            Tensor partials = memory.zeros(ops.squarePartials(columns));
            double rest = 8.0 * rows + 4.0 * columns;
            add("layer norm of " + columns, 8.0 * n + rest, s -> ops.layerNorm(matrix(s, 0, columns), weight, weight,
                1e-5f, mean, deviation, matrix(s, 5, columns)));
            add("RMS norm of " + columns, 8.0 * n + rest - 4.0 * rows, s -> ops.layerNorm(matrix(s, 0, columns), weight, null,
                1e-5f, null, deviation, matrix(s, 5, columns)));
            add("layer norm of " + columns + ", dX", 12.0 * n + rest, s -> ops.layerNormBackwardInput(
                matrix(s, 0, columns), matrix(s, 1, columns), weight, mean, deviation, false, matrix(s, 5, columns)));
            add("layer norm of " + columns + ", dW", 8.0 * n + rest, s -> ops.layerNormBackwardWeights(
                matrix(s, 0, columns), matrix(s, 1, columns), mean, deviation, false, gradient, gradient, partials));
        }
        Tensor weight = memory.random(COLUMNS);
        Tensor mean = memory.zeros(COLUMNS);
        Tensor variance = memory.zeros(COLUMNS);
        Tensor weightGradient = memory.zeros(COLUMNS);
        Tensor biasGradient = memory.zeros(COLUMNS);
        Tensor partials = memory.zeros(ops.squarePartials(COLUMNS));
        Tensor skip = memory.zeros(1);
        for (boolean training : new boolean[] {true, false}) {
            add(training ? "batch norm" : "batch norm, given statistics", 8.0 * n + 12.0 * COLUMNS, s -> ops.batchNorm(
                matrix(s, 0, COLUMNS), weight, weight, 1e-5f, training, mean, variance, matrix(s, 5, COLUMNS)));
        }
        add("batch norm, backward", 12.0 * n + 20.0 * COLUMNS, s -> ops.batchNormBackward(matrix(s, 0, COLUMNS),
            matrix(s, 1, COLUMNS), weight, 1e-5f, true, mean, variance, false, weightGradient, biasGradient, partials, false,
            matrix(s, 5, COLUMNS)));
        add("running statistics", 0, s -> ops.updateRunningStatistics(skip, mean, variance, n / COLUMNS, 0.1f, weightGradient,
            biasGradient));
    }

    private void losses(LossOps ops) {
        for (int columns : new int[] {256, 2048, 8192}) {
            int rows = n / columns;
            Tensor labels = memory.ints(IntStream.range(0, rows).map(i -> i % columns).toArray());
            Tensor losses = memory.zeros(rows);
            add("cross-entropy of " + columns, 8.0 * n + 8.0 * rows, s -> ops.crossEntropy(CrossEntropy.plain(true),
                new LossBatch(matrix(s, 0, columns), labels, null, 1, 1, losses, null, matrix(s, 5, columns)), null, null));
            Tensor factors = memory.zeros(2);
            add("label factors of " + rows, 0,
                s -> ops.labelFactors(new CrossEntropy(true, 0, 0), labels, null, rows, null, true, factors));
        }
        for (int columns : new int[] {256, 2048}) {
            int rows = n / columns;
            Tensor losses = memory.zeros(rows);
            for (ElementwiseLoss.Formula formula : ElementwiseLoss.Formula.values()) {
                ElementwiseLoss loss = new ElementwiseLoss(formula, 0.5f, 0.5f);
                add(formula + " of " + columns, 12.0 * n + 4.0 * rows, s -> ops.elementwise(loss,
                    new LossBatch(matrix(s, 0, columns), matrix(s, 1, columns), null, 1, 1, losses, null,
                        matrix(s, 5, columns)), null, null));
            }
        }
    }

    private void norms(UpdateOps ops) {
        Tensor partials = memory.zeros(ops.squarePartials(n));
        Segments rows = keep(new Segments(memory.device(), List.of(Segment.whole(Shape.of(n / COLUMNS, COLUMNS)))));
        Tensor norms = memory.zeros(rows.count());
        add("sum of squares", 4.0 * n, s -> ops.sumOfSquares(flat(s, 0), partials));
        add("dot product", 8.0 * n, s -> ops.dot(flat(s, 0), flat(s, 1), partials));
        add("gradient norms", 4.0 * n + 20.0 * rows.count(), s -> ops.gradientNorms(flat(s, 0), rows, CLIP, norms));
        add("segment factors", 0, s -> ops.segmentFactors(rows, CLIP, norms));
        // A limit that no gradient passes: what is clipped is written besides, and would not be clipped again.
        add("adaptive clipping", 8.0 * n, s -> ops.adaptiveClip(flat(s, 0), flat(s, 1), rows, 1e6f, 1e-3f));
        StepState state = state(ADAM, MOST_STEPS);
        Tensor losses = memory.zeros(ROWS_OF_A_STEP);
        int[] first = {0};
        add("step scalars", 0, s -> ops.prepareStep(state, ADAM, ClipRule.NONE, losses, losses, partials));
    }

    private void updates(UpdateOps ops) {
        for (FusedOptimizer each : List.of(Optimizers.sgd(), Optimizers.momentum(),
            Optimizers.momentum().velocity(true), Optimizers.adam(), Optimizers.amsgrad(), Optimizers.adagrad(),
            Optimizers.rmsProp(), Optimizers.rmsProp().momentum(0.9f), Optimizers.rmsProp().centered(true),
            Optimizers.rmsProp().centered(true).momentum(0.9f), Optimizers.adadelta(), Optimizers.adamax(),
            Optimizers.nadam(), Optimizers.radam(), Optimizers.lion(), Optimizers.scheduleFree())) {
            UpdateRule rule = each.rule();
            StepState state = state(rule, 2);
            add("update " + rule.kernel(), (12 + 8.0 * rule.buffers()) * n,
                s -> ops.apply(rule, flat(s, 0), flat(s, 1), buffers(rule, s), null, state));
        }
    }

    /** Optimizers of two phases. */
    private void measured(UpdateOps ops) {
        int side = Math.min(2048, (int) Math.sqrt(n));
        Segments whole = keep(new Segments(memory.device(), List.of(Segment.whole(Shape.of(n / COLUMNS, COLUMNS)))));
        Tensor sums = memory.zeros(whole.count(), 2);
        measured(ops, new MeasuredRule.Lamb(0.999f, 1e-6f, 1e-2f), whole, sums, 24, 16);
        measured(ops, new MeasuredRule.Prodigy(0.999f, 1e-8f, 0, 1e-6f, 1), whole, sums, 32, 24);
        for (boolean nesterov : new boolean[] {true, false}) {
            measured(ops, new MeasuredRule.Muon(1e-7f, 0.1f, nesterov, false, ADAM, 0.9f, 1), whole, sums, 16, 12);
        }
        add("scaling of segments", 8.0 * n, s -> ops.scale(flat(s, 5), whole));
        Shape square = Shape.of(side, side);
        add("polynomial of a matrix", 12.0 * side * side, s -> ops.polynomial(flat(s, 0).view(0, square),
            flat(s, 1).view(0, square), 3.4f, -4.8f, 2, flat(s, 5).view(0, square)));
    }

    /** @param first bytes of an element in the first phase */
    private void measured(UpdateOps ops, UpdateRule rule, Segments whole, Tensor sums, int first, int second) {
        StepState state = state(rule, 2);
        boolean plain = rule instanceof MeasuredRule.Muon muon && !muon.nesterov();
        String name = rule.kernel() + (plain ? ", plain" : "");
        add("measuring " + name, first * (double) n,
            s -> ops.measure(rule, flat(s, 0), flat(s, 1), buffers(rule, s), whole, state, sums));
        if (!plain) {
            add("settling " + name, 0, s -> ops.settle(rule, whole, state, sums));
            add("update " + name, second * (double) n,
                s -> ops.apply(rule, flat(s, 0), flat(s, 1), buffers(rule, s), whole, state));
        }
    }

    private List<Tensor> buffers(UpdateRule rule, int set) {
        return List.of(sets.get(set)).subList(2, 2 + rule.buffers());
    }

    /** After two steps, for some do less in their first, with rates for so many. */
    private StepState state(UpdateRule rule, int steps) {
        StepState state = keep(StepState.allocate(memory.device(), steps));
        Tensor none = memory.zeros(1);
        memory.device().upload(TrainedNet.rates(steps, 1e-3f), state.schedule());
        for (int i = 0; i < 2; i++) {
            memory.ops().update().prepareStep(state, rule, ClipRule.NONE, none, null, none);
        }
        return state;
    }

    @Override
    public void close() throws Exception {
        for (AutoCloseable resource : resources) {
            resource.close();
        }
    }
}
