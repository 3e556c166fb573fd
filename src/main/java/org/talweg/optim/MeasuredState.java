package org.talweg.optim;

import java.util.ArrayList;
import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.ops.Segments;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;
import org.talweg.tape.BatchResult;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** State of an optimizer of two phases, {@link Lamb} and {@link Prodigy}: two launches over all parameters, one between. */
final class MeasuredState extends RememberedState {
    private final UpdateRule rule;
    private final List<Tensor> buffers = new ArrayList<>();
    private final Segments segments;
    private final Clipping clipping;
    private final Tensor sums;

    MeasuredState(Device device, UpdateRule rule, ParameterLayout layout, Clip clip) {
        super(device);
        this.rule = rule;
        try {
            segments = memory.segments(layout);
            clipping = memory.clipping(clip, layout, segments);
            sums = memory.vector(2L * segments.count(), "sums of chunks").reshape(Shape.of(segments.count(), 2));
            for (int i = 0; i < rule.buffers(); i++) {
                buffers.add(memory.remembered(layout.length(), rule.kernel() + " state " + (i + 1), 0));
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    @Override
    public void apply(Ops ops, Tensor parameters, Tensor gradients, BatchResult batch, StepState state) {
        Tensor partials = clipping.apply(ops, parameters, gradients, batch);
        ops.update().prepareStep(state, rule, clipping.rule(), batch.rowLosses(), batch.rowHits(), partials);
        ops.update().measure(rule, parameters, gradients, buffers, segments, state, sums);
        ops.update().settle(rule, segments, state, sums);
        ops.update().apply(rule, parameters, gradients, buffers, segments, state);
    }
}
