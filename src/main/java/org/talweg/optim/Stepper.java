package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.ops.StepState;
import org.talweg.tape.BatchResult;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * An optimizer for parameters and gradients that the caller owns, without model, loss or trainer:
 * <pre>{@code
 * try (Stepper optimizer = Stepper.of(Optimizers.adamW(), device, parameters.shape())) {
 *     for (int i = 0; i < 100; i++) {
 *         computeGradients(parameters, gradients);            // on the device
 *         optimizer.step(parameters, gradients, 1e-3f);
 *     }
 * }
 * }</pre>
 * A step costs the update's launch, one for the step's scalars and one for the norm; it waits for nothing, and may not
 * be recorded, because the learning rate comes from the host. State belongs to the tensors of the first step: use one
 * stepper for each set of parameters.
 */
public final class Stepper implements AutoCloseable {
    private final Device device;
    private final Optimizer optimizer;
    private final ParameterLayout layout;
    private final StateMemory memory;
    private final StepState step;
    private final Optimizer.State state;
    private final BatchResult batch;
    private final float[] schedule = new float[StepState.SCHEDULE_COLUMNS];
    private final float[] log = new float[StepState.LOG_COLUMNS];

    /** @param layout how the flat buffer is divided, for what treats parameters differently */
    public Stepper(Optimizer optimizer, Device device, ParameterLayout layout, Clip clip) {
        this.optimizer = optimizer;
        this.device = device;
        this.layout = layout;
        memory = new StateMemory(device);
        state = optimizer.newState(device, layout, clip);
        step = StepState.allocate(device, 1);
        // There is no loss to be logged.
        batch = new BatchResult(memory.vector(1, "no loss"), null,
            memory.vector(device.ops().update().squarePartials(layout.length()), "squared gradient partials"), false);
    }

    /** For one tensor, without clipping. */
    public static Stepper of(Optimizer optimizer, Device device, Shape parameters) {
        return new Stepper(optimizer, device, ParameterLayout.of(parameters), Clip.none());
    }

    /** With the optimizer's own learning rate. */
    public void step(Tensor parameters, Tensor gradients) {
        step(parameters, gradients, optimizer.learningRate());
    }

    /**
     * Changes the parameters; nothing, if a gradient is not finite.
     *
     * @param gradients of the parameters' layout; adaptive clipping changes them
     */
    public void step(Tensor parameters, Tensor gradients, float learningRate) {
        if (parameters.elements() != layout.length() || gradients.elements() != layout.length()) {
            throw new IllegalArgumentException("parameters " + parameters.shape() + " and gradients "
                + gradients.shape() + " for an optimizer of " + layout.length() + " elements");
        }
        schedule[StepState.SCHEDULE_LEARNING_RATE] = learningRate;
        schedule[StepState.SCHEDULE_MOMENTUM] = optimizer.momentum();
        device.upload(schedule, step.schedule());
        device.upload(new int[1], step.iteration());
        device.ops().update().sumOfSquares(gradients, batch.squarePartials());
        state.apply(device.ops(), parameters, gradients, batch, step);
    }

    /** Waits for the last step; the norm of its gradients before clipping. */
    public float gradientNorm() {
        device.download(step.log(), log);
        return log[StepState.LOG_GRADIENT_NORM];
    }

    /** Waits for the last step; whether it changed nothing because a gradient was not finite. */
    public boolean skipped() {
        device.download(step.log(), log);
        return log[StepState.LOG_SKIPPED] != 0;
    }

    /** For optimizers that train at another point than the one that is good: {@link Optimizer.State}. */
    public void beforeEvaluation() {
        state.beforeEvaluation();
    }

    /** Undoes {@link #beforeEvaluation}. */
    public void afterEvaluation() {
        state.afterEvaluation();
    }

    /** What the next step depends on beside the parameters. */
    public SavedState save() {
        return state.save().withWords(step.save(device));
    }

    /**
     * Goes on from there, bit for bit.
     *
     * @throws IllegalArgumentException if it is the state of another optimizer, or of other parameters
     */
    public void restore(SavedState saved) {
        state.restore(saved);
        step.restore(device, saved.words(StepState.WORDS));
    }

    @Override
    public void close() {
        state.close();
        step.close();
        memory.close();
    }
}
