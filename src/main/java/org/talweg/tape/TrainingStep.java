package org.talweg.tape;

import java.util.Set;
import org.talweg.ops.BatchRows;
import org.talweg.ops.Fusion;
import org.talweg.ops.StepState;
import org.talweg.tensor.Tensor;

/**
 * What a training step works on, whatever its batch size: programs for a full and for a partial batch share one.
 *
 * @param parameters flat
 * @param states     flat, what training changes beside the parameters; null if the tape has none
 * @param gradients  flat, of the same layout, zero at first so that padding stays zero
 * @param features   the whole data set [rows×input row]
 * @param targets    the whole data set [rows×target row]
 * @param order      INT32 [rows]: the epoch's permutation
 * @param frozen     parameters without a gradient, as with PyTorch's {@code requires_grad=False}: nothing is computed for
 *                   them, nor for layers below which nothing is trained, and they have no part in the gradient norm
 * @param fusion     whether forward, loss and backward are one kernel
 */
public record TrainingStep(Tensor parameters, Tensor states, Tensor gradients, Tensor features, Tensor targets,
                           Tensor order, StepState state, Loss loss, Update update, Set<Parameter> frozen, Fusion fusion) {

    /** As above, fused where that is predicted to be faster. */
    public TrainingStep(Tensor parameters, Tensor states, Tensor gradients, Tensor features, Tensor targets, Tensor order,
                        StepState state, Loss loss, Update update, Set<Parameter> frozen) {
        this(parameters, states, gradients, features, targets, order, state, loss, update, frozen, Fusion.AUTO);
    }

    /** The batch, from its row {@code first} on. */
    BatchRows rows(int first) {
        return new BatchRows(first == 0 ? order : order.rows(first, order.dim(0)), state.cursor());
    }
}
