package org.talweg.ops;

import java.util.List;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * From gradients to new parameters: norms and clipping, the step's scalars, and one fused update over the flat
 * parameter buffer. An update changes nothing, bit for bit, when {@link StepState#CONTROL_SKIP} is set.
 *
 * <p>All arithmetic of the updates is float32 in the order that the formulas show, each fma written out, so that
 * kernels and reference agree bit for bit.
 */
public interface UpdateOps {

    /** partials = sums of squares of parts of x; their sum, in order, is ‖x‖². */
    void sumOfSquares(Tensor x, Tensor partials);

    /** Number of partial sums that {@link #sumOfSquares} writes for so many elements; at least 1. */
    int squarePartials(long elements);

    /**
     * For each chunk, Σ |clamp(g)|^order, or max |clamp(g)| for the infinite order; NaN where the chunk holds a g that
     * is not finite, so that clamping never hides one. Frozen segments are left out.
     *
     * @param partials [{@link Segments#count}]
     */
    void gradientNorms(Tensor gradients, Segments segments, ClipRule clip, Tensor partials);

    /**
     * Clipping by the norm of each parameter: {@link Segments#factors} = {@link ClipRule#factor} of the segment's
     * norm, from what {@link #gradientNorms} wrote for its chunks, in double and a fixed order. Frozen: 1.
     */
    void segmentFactors(Segments segments, ClipRule clip, Tensor partials);

    /**
     * Adaptive gradient clipping (Brock et al. 2021), in place: where ‖gᵤ‖ &gt; limit = clipping · max(‖pᵤ‖, ε) for a unit
     * u ({@link Segment#units}), gᵤ ← gᵤ · (limit / max(‖gᵤ‖, 1e-6)). Norms in double, in a fixed order.
     */
    void adaptiveClip(Tensor parameters, Tensor gradients, Segments segments, float clipping, float epsilon);

    /**
     * Finishes a step's reductions and writes what the update reads. With i the iteration counter, in double
     * precision and fixed order: norm = {@link ClipRule#norm} of Σ partials, or of their maximum for the infinite
     * order, in which case too it is not finite if any of them is not; loss = (Σ rowLosses) / batch; hits likewise.
     *
     * <p>If the norm is finite: t = ++step; control = {η, μ = schedule row i, clip factor, clip limits, skip 0, first
     * step, the {@linkplain UpdateRule#scalars rule's scalars}}. Otherwise skip = 1 and ++skipped; the other controls
     * and the memory stay. In both cases log row i is written, ++iteration, cursor += batch, where batch is the length
     * of {@code rowLosses}.
     *
     * @param rowHits  or null
     * @param partials the gradients' partial sums of squares, of all layers, or of {@link #gradientNorms} for an order
     *                 other than 2
     */
    void prepareStep(StepState state, UpdateRule rule, ClipRule clip, Tensor rowLosses, Tensor rowHits,
                     Tensor partials);

    /**
     * One step of {@code rule} for all parameters.
     *
     * @param buffers  {@link UpdateRule#buffers} tensors as long as the parameters
     * @param segments or null where all elements are treated alike
     */
    void apply(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments segments,
               StepState state);

    /**
     * The first phase of a rule that has two ({@link MeasuredRule.Lamb}, {@link MeasuredRule.Prodigy},
     * {@link MeasuredRule.Muon}): brings its state up to date, and gives two sums for each chunk, in double and rounded once.
     * A skipped step changes nothing, and leaves the sums undefined.
     *
     * @param partials [{@link Segments#count}×2]
     */
    void measure(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments segments,
                 StepState state, Tensor partials);

    /**
     * Finishes the sums of {@link #measure}, in double and a fixed order: LAMB's ratios, the inverse norms of Muon's
     * matrices as ratios, Prodigy's step size. A skipped step changes nothing.
     */
    void settle(UpdateRule rule, Segments segments, StepState state, Tensor partials);

    /** Multiplies each segment's values by its {@linkplain Segments#ratios ratio}. */
    void scale(Tensor values, Segments segments);

    /**
     * result = a · I + b · A + c · A², each element fma(c, square, fma(b, matrix, a or 0)).
     *
     * @param matrix A, square
     * @param square A²
     */
    void polynomial(Tensor matrix, Tensor square, float a, float b, float c, Tensor result);

    /** partials = Σ x · y of parts, as many as {@link #squarePartials} says; their sum, in order, is the dot product. */
    void dot(Tensor x, Tensor y, Tensor partials);

    /** Checks the tensors of {@link #apply} and {@link #measure}, the same way for all backends. */
    static void check(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers) {
        Shapes.expectSameLength("gradients", parameters, gradients);
        for (int i = 0; i < buffers.size(); i++) {
            Shapes.expectSameLength("optimizer state", parameters, buffers.get(i));
        }
        if (buffers.size() != rule.buffers()) {
            throw new IllegalArgumentException(rule + " with " + buffers.size() + " state tensors; it takes "
                + rule.buffers());
        }
    }

    /** What {@link #settle} makes of a segment's sums: LAMB's trust ratio, Muon's inverse norm. */
    static double ratio(UpdateRule rule, double first, double second) {
        if (rule instanceof MeasuredRule.Muon muon) {
            return 1 / Math.max(Math.sqrt(first), muon.epsilon());
        }
        return first > 0 && second > 0 ? Math.sqrt(first) / Math.sqrt(second) : 1;
    }

    /** Checks the matrices of {@link #polynomial}. */
    static void checkSquare(Tensor matrix, Tensor square, Tensor result) {
        Shapes.expectRank("matrix", matrix, 2);
        Shapes.expect("matrix", matrix, matrix.dim(0), matrix.dim(0));
        Shapes.expect("square", square, matrix.shape());
        Shapes.expect("result", result, matrix.shape());
    }
}
