package org.talweg.cpu;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.talweg.ops.Segments;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.tensor.Tensor;

/**
 * A rule's loop over parameters, gradients and state, chunk by chunk where there are segments. A subclass is one rule:
 * its loop reads fields into locals and has no branch inside, so that HotSpot vectorises it.
 */
abstract class UpdateLoop implements Parallel.Body {
    private static final int STATES = 4;
    private static final float[] NONE = {};
    /** Rules whose loop needs to know nothing of them. */
    private static final Map<Class<? extends UpdateRule>, Supplier<UpdateLoop>> LOOPS = Map.of(
        UpdateRule.Adagrad.class, RootLoops.Adagrad::new, UpdateRule.Adadelta.class, RootLoops.Adadelta::new,
        UpdateRule.Adamax.class, MomentLoops.Adamax::new, UpdateRule.NAdam.class, MomentLoops.NAdam::new,
        UpdateRule.RAdam.class, MomentLoops.RAdam::new, UpdateRule.Lion.class, MomentLoops.Lion::new,
        UpdateRule.ScheduleFree.class, MomentLoops.ScheduleFree::new, UpdateRule.Lamb.class, LambLoop::new,
        UpdateRule.Prodigy.class, ProdigyLoop::new);

    float[] p;
    int pStart;
    float[] g;
    int gStart;
    /** State arrays and where each starts; empty where the rule has fewer. */
    final float[][] s = new float[STATES][];
    final int[] sStart = new int[STATES];

    float momentum;
    float low;
    float high;
    boolean first;
    /** Step scalars. */
    final float[] k = new float[UpdateRule.SCALARS];

    private float learningRate;
    private float clip;
    Segments segments;

    final void set(Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments newSegments, StepState state) {
        p = Heap.floats(parameters);
        pStart = Heap.start(parameters);
        g = Heap.floats(gradients);
        gStart = Heap.start(gradients);
        for (int i = 0; i < STATES; i++) {
            s[i] = i < buffers.size() ? Heap.floats(buffers.get(i)) : NONE;
            sStart[i] = i < buffers.size() ? Heap.start(buffers.get(i)) : 0;
        }
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

    /** Chunks, or elements where there are no segments: what {@link #run(int, int, int)} counts in. */
    final int rows(Tensor parameters) {
        return segments == null ? (int) parameters.elements() : segments.count();
    }

    @Override
    public final void run(int part, int from, int to) {
        if (segments == null) {
            run(from, to, clip, learningRate, 1, 1);
            return;
        }
        int[] chunks = Heap.ints(segments.chunks());
        float[] multipliers = Heap.floats(segments.multipliers());
        float[] factors = Heap.floats(segments.factors());
        for (int chunk = from; chunk < to; chunk++) {
            int row = chunk * Segments.CHUNK_COLUMNS;
            int start = chunks[row];
            int segment = chunks[row + 3];
            float forRate = multipliers[2 * segment];
            chunk(chunk, segment, start, start + chunks[row + 2], clip * factors[segment], learningRate * forRate,
                forRate, multipliers[2 * segment + 1]);
        }
    }

    /** As {@link #run(int, int, float, float, float, float)}, for loops that must know which chunk of what it is. */
    void chunk(int chunk, int segment, int from, int to, float factor, float rate, float forRate, float forDecay) {
        run(from, to, factor, rate, forRate, forDecay);
    }

    /**
     * Updates elements {@code from} to {@code to}, which belong to one segment.
     *
     * @param factor   what each clamped gradient is multiplied by
     * @param rate     learning rate of the segment
     * @param forRate  what scalars with the learning rate in them are multiplied by
     * @param forDecay what the weight decay is multiplied by
     */
    abstract void run(int from, int to, float factor, float rate, float forRate, float forDecay);

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
        if (rule instanceof UpdateRule.RmsProp rmsProp) {
            return new RootLoops.RmsProp(rmsProp.centered(), rmsProp.hasMomentum());
        }
        if (rule instanceof UpdateRule.Muon muon) {
            return new MuonLoop(muon.nesterov());
        }
        return LOOPS.get(rule.getClass()).get();
    }
}
