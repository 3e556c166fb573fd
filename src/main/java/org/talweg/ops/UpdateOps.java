package org.talweg.ops;

import java.util.List;
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

    /** Checks the tensors of {@link #apply}, the same way for all backends. */
    static void check(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers) {
        Shapes.expectSameLength("gradients", parameters, gradients);
        Shapes.expectSameLength("optimizer state", parameters, buffers.toArray(Tensor[]::new));
        if (buffers.size() != rule.buffers()) {
            throw new IllegalArgumentException(rule + " with " + buffers.size() + " state tensors; it takes "
                + rule.buffers());
        }
    }
}
