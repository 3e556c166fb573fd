package org.talweg.optim;

import java.util.ArrayList;
import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.ops.Segments;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.tape.BatchResult;
import org.talweg.tensor.Tensor;

/** State of a {@link FusedOptimizer}. */
final class FusedState extends RememberedState {
    private final UpdateRule rule;
    private final List<Tensor> buffers = new ArrayList<>();
    /** Null where all elements are treated alike. */
    private final Segments treatment;
    private final Clipping clipping;

    FusedState(Device device, UpdateRule rule, ParameterLayout layout, Clip clip) {
        super(device);
        this.rule = rule;
        boolean alike = layout.isUniform() && !Clipping.isPerParameter(clip);
        try {
            Segments segments = alike && !Clipping.needsSegments(clip, layout) ? null : memory.segments(layout);
            treatment = alike ? null : segments;
            clipping = memory.clipping(clip, layout, segments);
            for (int i = 0; i < rule.buffers(); i++) {
                buffers.add(memory.remembered(layout.length(), rule.kernel() + " state " + (i + 1), rule.initialValue()));
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    List<Tensor> buffers() {
        return buffers;
    }

    @Override
    public void apply(Ops ops, Tensor parameters, Tensor gradients, BatchResult batch, StepState state) {
        Tensor partials = clipping.apply(ops, parameters, gradients, batch);
        ops.update().prepareStep(state, rule, clipping.rule(), batch.rowLosses(), batch.rowHits(), partials);
        ops.update().apply(rule, parameters, gradients, buffers, treatment, state);
    }
}
