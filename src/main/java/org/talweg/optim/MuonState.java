package org.talweg.optim;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.talweg.ops.Activation;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Device;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.Ops;
import org.talweg.ops.Segment;
import org.talweg.ops.Segments;
import org.talweg.ops.StepState;
import org.talweg.tape.BatchResult;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * State of {@link Muon}. Matrices and the other parameters share two buffers of the parameters' layout: momentum and
 * direction of the ones, the moments of the others.
 *
 * <p>The iteration X ← aX + (bA + cA²)X with A = XXᵀ, or A = XᵀX for a matrix of more rows than columns, is three products
 * and one elementwise pass a step, with the three terms collected into one matrix of the smaller side.
 */
final class MuonState extends RememberedState {
    private static final float A = 3.4445f;
    private static final float B = -4.7750f;
    private static final float C = 2.0315f;

    private final Muon settings;
    private final MeasuredRule.Muon rule;
    private final List<Tensor> buffers = new ArrayList<>();
    private final Clipping clipping;
    /** Null where there are none. */
    private final Segments matrices;
    private final Segments others;
    private final Tensor sums;
    private final List<Iteration> iterations;

    /**
     * What one matrix's iteration works on, views made once: a training step allocates nothing.
     *
     * @param spare      of the matrix's shape
     * @param square     of its smaller side, as are {@code fourth} and {@code polynomial}
     * @param tall       whether it has more rows than columns
     * @param workspace  or null
     * @param length     that the last step gives the direction
     */
    private record Iteration(Tensor direction, Tensor spare, Tensor square, Tensor fourth, Tensor polynomial, boolean tall,
                             Tensor workspace, float length) {
    }

    MuonState(Device device, Muon settings, ParameterLayout layout, Clip clip) {
        super(device);
        this.settings = settings;
        rule = settings.rule();
        try {
            clipping = memory.clipping(clip, layout, Clipping.needsSegments(clip, layout)
                || Clipping.isPerParameter(clip) ? memory.segments(layout) : null);
            matrices = segments(layout, MuonState::isMatrix);
            others = segments(layout, segment -> !isMatrix(segment));
            buffers.add(memory.remembered(layout.length(), "Muon momentum", 0));
            buffers.add(memory.remembered(layout.length(), "Muon direction", 0));
            List<Segment> list = layout.segments().stream().filter(s -> isMatrix(s) && !s.frozen()).toList();
            sums = matrices == null ? null
                : memory.vector(2L * matrices.count(), "sums of chunks").reshape(Shape.of(matrices.count(), 2));
            long side = list.stream().mapToLong(MuonState::side).max().orElse(0);
            Tensor spare = memory.vector(list.stream().mapToLong(Segment::length).max().orElse(0), "Muon iteration");
            Tensor square = memory.vector(side * side, "Muon iteration");
            Tensor fourth = memory.vector(side * side, "Muon iteration");
            Tensor polynomial = memory.vector(side * side, "Muon iteration");
            Tensor workspace = memory.vector(list.stream().mapToLong(s -> workspace(device.ops(), s)).max().orElse(0),
                "Muon workspace");
            iterations = list.stream().map(matrix -> {
                Shape small = Shape.of((int) side(matrix), (int) side(matrix));
                return new Iteration(buffers.get(1).view(matrix.offset(), matrix.shape()), spare.view(0, matrix.shape()),
                    square.view(0, small), fourth.view(0, small), polynomial.view(0, small), isTall(matrix),
                    workspace(device.ops(), matrix) == 0 ? null : workspace, length(matrix));
            }).toList();
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static boolean isMatrix(Segment segment) {
        return segment.shape().rank() == 2;
    }

    /** Those that {@code wanted} says, the others frozen; null if there are none. */
    private Segments segments(ParameterLayout layout, Predicate<Segment> wanted) {
        List<Segment> list = layout.segments().stream().map(s -> wanted.test(s) ? s
            : new Segment(s.name(), s.offset(), s.shape(), s.learningRate(), s.weightDecay(), true)).toList();
        return list.stream().allMatch(Segment::frozen) ? null
            : memory.segments(new ParameterLayout(layout.length(), list));
    }

    private static long side(Segment matrix) {
        return Math.min(matrix.shape().dim(0), matrix.shape().dim(1));
    }

    private static long workspace(Ops ops, Segment matrix) {
        return isTall(matrix) ? ops.dense().workspace(products(matrix)) : 0;
    }

    private static boolean isTall(Segment matrix) {
        return matrix.shape().dim(0) > matrix.shape().dim(1);
    }

    /** Of XᵀX as a dense layer's weight gradient. */
    private static DenseShape products(Segment matrix) {
        int columns = matrix.shape().dim(1);
        return new DenseShape(matrix.shape().dim(0), columns, columns);
    }

    @Override
    public void apply(Ops ops, Tensor parameters, Tensor gradients, BatchResult batch, StepState state) {
        Tensor partials = clipping.apply(ops, parameters, gradients, batch);
        ops.update().prepareStep(state, rule, clipping.rule(), batch.rowLosses(), batch.rowHits(), partials);
        if (matrices != null) {
            ops.update().measure(rule, parameters, gradients, buffers, matrices, state, sums);
            ops.update().settle(rule, matrices, state, sums);
            ops.update().scale(buffers.get(1), matrices);
            for (int i = 0; i < iterations.size(); i++) {
                orthogonalize(ops, iterations.get(i));
            }
            ops.update().apply(rule, parameters, buffers.get(1), buffers, matrices, state);
        }
        if (others != null) {
            ops.update().apply(rule.rest(), parameters, gradients, buffers, others, state);
        }
    }

    private float length(Segment matrix) {
        int rows = matrix.shape().dim(0);
        int columns = matrix.shape().dim(1);
        return settings.matchRms() ? (float) (0.2 * Math.sqrt(Math.max(rows, columns)))
            : (float) Math.sqrt(Math.max(1, (double) rows / columns));
    }

    /** Newton and Schulz's iteration on the direction, in place. */
    private void orthogonalize(Ops ops, Iteration matrix) {
        Tensor x = matrix.direction;
        Tensor next = matrix.spare;
        if (settings.steps() % 2 == 1) {
            ops.data().copy(x, next);
            Tensor copy = next;
            next = x;
            x = copy;
        }
        for (int i = 1; i <= settings.steps(); i++) {
            // The last step gives the matrix its length too.
            step(ops, matrix, x, next, i == settings.steps() ? matrix.length : 1);
            Tensor done = next;
            next = x;
            x = done;
        }
    }

    private static void step(Ops ops, Iteration matrix, Tensor x, Tensor next, float scale) {
        if (matrix.tall) {
            ops.dense().backwardWeights(x, null, x, false, matrix.square, null, null, matrix.workspace);
        } else {
            ops.dense().forward(x, null, x, null, Activation.IDENTITY, null, matrix.square);
        }
        ops.dense().forward(matrix.square, null, matrix.square, null, Activation.IDENTITY, null, matrix.fourth);
        ops.update().polynomial(matrix.square, matrix.fourth, scale * A, scale * B, scale * C, matrix.polynomial);
        if (matrix.tall) {
            ops.dense().forward(x, null, matrix.polynomial, null, Activation.IDENTITY, null, next);
        } else {
            ops.dense().backwardInput(matrix.polynomial, x, Activation.IDENTITY, null, false, next);
        }
    }
}
