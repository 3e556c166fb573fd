package org.talweg.cpu;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.Segments;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.tensor.Tensor;

/**
 * A rule's loop over parameters, gradients and state, chunk by chunk where there are segments. A subclass is one rule:
 * its loop reads fields into locals and has no branch inside, so that HotSpot vectorises it.
 */
abstract class UpdateLoop implements Parallel.Body {
    /** Rules whose loop needs to know nothing of them. */
    private static final Map<Class<? extends UpdateRule>, Supplier<UpdateLoop>> LOOPS = Map.of(
        AdaptiveRule.Adagrad.class, RootLoops.Adagrad::new, AdaptiveRule.Adadelta.class, RootLoops.Adadelta::new,
        AdaptiveRule.Adamax.class, MomentLoops.Adamax::new, AdaptiveRule.NAdam.class, MomentLoops.NAdam::new,
        AdaptiveRule.RAdam.class, MomentLoops.RAdam::new, AdaptiveRule.Lion.class, MomentLoops.Lion::new,
        AdaptiveRule.ScheduleFree.class, MomentLoops.ScheduleFree::new, MeasuredRule.Lamb.class, LambLoop::new,
        MeasuredRule.Prodigy.class, ProdigyLoop::new);

    private final Operands operands = new Operands();
    float momentum;
    float low;
    float high;
    boolean first;
    /** Step scalars. */
    final float[] k = new float[UpdateRule.SCALARS];

    private float learningRate;
    private float clip;
    Segments segments;

    final void set(int parts, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments newSegments,
                   StepState state) {
        operands.set(parts, parameters, gradients, buffers);
        segments = newSegments;
        float[] control = Heap.floats(state.control());
        int at = Heap.start(state.control());
        learningRate = control[at + StepState.CONTROL_LEARNING_RATE];
        momentum = control[at + StepState.CONTROL_MOMENTUM];
        clip = control[at + StepState.CONTROL_CLIP_FACTOR];
        low = control[at + StepState.CONTROL_CLIP_LOW];
        high = control[at + StepState.CONTROL_CLIP_HIGH];
        first = control[at + StepState.CONTROL_FIRST_STEP] != 0;
        System.arraycopy(control, at + StepState.CONTROL_RULE, k, 0, k.length);
    }

    /** Chunks of so many elements: what {@link #run(int, int, int)} counts in. */
    final int rows(Tensor parameters) {
        return segments != null ? segments.count()
            : (int) ((parameters.elements() + Segments.CHUNK - 1) / Segments.CHUNK);
    }

    @Override
    public final void run(int part, int from, int to) {
        if (segments == null) {
            whole(part, from * Segments.CHUNK, Math.min(operands.length(), to * Segments.CHUNK));
            return;
        }
        int[] chunks = Heap.ints(segments.chunks());
        for (int chunk = from; chunk < to; chunk++) {
            int row = chunk * Segments.CHUNK_COLUMNS;
            int start = chunks[row];
            int end = start + chunks[row + 2];
            int segment = chunks[row + 3];
            float forRate = Heap.get(segments.multipliers(), 2 * segment);
            Operands x = operands.take(part, start, end);
            int at = operands.index(start);
            chunk(x, chunk, segment, at, at + end - start, clip * Heap.get(segments.factors(), segment),
                learningRate * forRate, forRate, Heap.get(segments.multipliers(), 2 * segment + 1));
            operands.giveBack(x, start, end);
        }
    }

    /** Elements that belong to one segment; all of a part at once where they need not be copied. */
    private void whole(int part, int from, int to) {
        int most = operands.inStep() ? to - from : Segments.CHUNK;
        for (int start = from; start < to; start += most) {
            int end = Math.min(to, start + most);
            Operands x = operands.take(part, start, end);
            int at = operands.index(start);
            run(x, at, at + end - start, clip, learningRate, 1, 1);
            operands.giveBack(x, start, end);
        }
    }

    /** As {@link #run}, for loops that must know which chunk of what it is. */
    void chunk(Operands x, int chunk, int segment, int from, int to, float factor, float rate, float forRate,
               float forDecay) {
        run(x, from, to, factor, rate, forRate, forDecay);
    }

    /**
     * Updates elements {@code from} to {@code to} of arrays, which belong to one segment.
     *
     * @param factor   what each clamped gradient is multiplied by
     * @param rate     learning rate of the segment
     * @param forRate  what scalars with the learning rate in them are multiplied by
     * @param forDecay what the weight decay is multiplied by
     */
    abstract void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay);

    static float clamp(float g, float low, float high) {
        return Math.max(low, Math.min(high, g));
    }

    /** The loop of {@code rule}, without tensors yet. */
    static UpdateLoop of(UpdateRule rule) {
        if (rule instanceof UpdateRule.Sgd sgd) {
            return new SgdLoop(sgd);
        }
        if (rule instanceof UpdateRule.Adam adam) {
            return new AdamLoop(adam.amsgrad());
        }
        if (rule instanceof AdaptiveRule.RmsProp rmsProp) {
            return new RootLoops.RmsProp(rmsProp.centered(), rmsProp.hasMomentum());
        }
        if (rule instanceof MeasuredRule.Muon muon) {
            return new MuonLoop(muon.nesterov());
        }
        return LOOPS.get(rule.getClass()).get();
    }
}
