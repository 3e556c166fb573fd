package org.talweg.tape;

import org.talweg.ops.Ops;
import org.talweg.ops.StepState;
import org.talweg.tensor.Tensor;

/** How a training step ends: the optimizer's update, and what the preparation of the step must know of it. */
public interface Update {

    /** Decay of the first moment, 0 without one. */
    float beta1();

    /** Decay of the second moment, 0 without one. */
    float beta2();

    /**
     * Changes all parameters in one call, reading the step's scalars from {@code state}.
     *
     * @param parameters flat
     * @param gradients  flat, of the same layout
     */
    void apply(Ops ops, Tensor parameters, Tensor gradients, StepState state);
}
