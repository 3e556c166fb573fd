package org.talweg.optim;

import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.Ops;
import org.talweg.ops.StepState;
import org.talweg.tape.BatchResult;
import org.talweg.tensor.Tensor;

/** State of {@link ScheduleFree}: swaps the point where gradients are taken for the average, on the device. */
final class AveragedState implements Optimizer.State {
    private final ScheduleFree settings;
    private final StateMemory memory;
    private final FusedState fused;
    private final Ops ops;
    /** Where gradients are taken, while the parameters are the average. */
    private final Tensor saved;
    /** The parameters of the recorded steps. */
    private Tensor parameters;
    private boolean swapped;

    AveragedState(Device device, ScheduleFree settings, ParameterLayout layout, Clip clip) {
        this.settings = settings;
        ops = device.ops();
        memory = new StateMemory(device);
        saved = memory.vector(layout.length(), "training point");
        try {
            fused = new FusedState(device, settings.rule(), layout, clip);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    @Override
    public void apply(Ops stepOps, Tensor stepParameters, Tensor gradients, BatchResult batch, StepState state) {
        parameters = stepParameters;
        fused.apply(stepOps, stepParameters, gradients, batch, state);
    }

    /** x = y + (1 − 1 / β₁) (z − y). */
    @Override
    public void beforeEvaluation() {
        if (parameters != null && !swapped) {
            List<Tensor> buffers = fused.buffers();
            ops.data().copy(parameters, saved);
            ops.data().combine(saved, 1 - 1 / settings.beta1(), buffers.get(1), 0, buffers.get(1), parameters);
            swapped = true;
        }
    }

    @Override
    public void afterEvaluation() {
        if (swapped) {
            ops.data().copy(saved, parameters);
            swapped = false;
        }
    }

    @Override
    public SavedState save() {
        return fused.save();
    }

    @Override
    public void restore(SavedState saved) {
        fused.restore(saved);
    }

    @Override
    public void close() {
        fused.close();
        memory.close();
    }
}
