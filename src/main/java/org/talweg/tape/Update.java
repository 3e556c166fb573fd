package org.talweg.tape;

import org.talweg.ops.Ops;
import org.talweg.ops.StepState;
import org.talweg.tensor.Tensor;

/** How a training step ends: clipping, preparation of the step, and the optimizer's update. */
public interface Update {

    /**
     * Prepares the step ({@link org.talweg.ops.UpdateOps#prepareStep}) and changes the parameters. It is recorded, so it
     * must not allocate.
     *
     * @param parameters flat
     * @param gradients  flat, of the same layout; may be changed
     */
    void apply(Ops ops, Tensor parameters, Tensor gradients, BatchResult batch, StepState state);
}
