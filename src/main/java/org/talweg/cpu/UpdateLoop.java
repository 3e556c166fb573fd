package org.talweg.cpu;

import org.talweg.ops.StepState;
import org.talweg.tensor.Tensor;

/** What every update's loop reads: parameters, gradients and the step's scalars. */
abstract class UpdateLoop implements Parallel.Body {
    float[] p;
    int pStart;
    float[] g;
    int gStart;
    float clip;
    float learningRate;
    float stepSize;
    float sqrtBiasCorrection2;
    boolean firstStep;

    final void set(Tensor parameters, Tensor gradients, StepState state) {
        p = Heap.floats(parameters);
        pStart = Heap.start(parameters);
        g = Heap.floats(gradients);
        gStart = Heap.start(gradients);
        float[] control = Heap.floats(state.control());
        int at = Heap.start(state.control());
        clip = control[at + StepState.CONTROL_CLIP_FACTOR];
        learningRate = control[at + StepState.CONTROL_LEARNING_RATE];
        stepSize = control[at + StepState.CONTROL_STEP_SIZE];
        sqrtBiasCorrection2 = control[at + StepState.CONTROL_SQRT_BIAS_CORRECTION_2];
        firstStep = control[at + StepState.CONTROL_FIRST_STEP] != 0;
    }
}
