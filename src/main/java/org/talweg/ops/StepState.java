package org.talweg.ops;

import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Everything that changes from one training step to the next, in device memory, so that a captured graph can be
 * replayed unchanged.
 *
 * @param counters      INT32 [{@value #COUNTERS}]: see the {@code COUNTER_} constants
 * @param control       FLOAT32 [{@value #CONTROLS}]: see the {@code CONTROL_} constants; written by
 *                      {@link UpdateOps#prepareStep}, read by the updates
 * @param learningRates FLOAT32 [capacity]: the rate of each iteration until the host fills the table again
 * @param log           FLOAT32 [capacity×{@value #LOG_COLUMNS}]: one row an iteration, see the {@code LOG_} constants
 */
public record StepState(Tensor counters, Tensor control, Tensor learningRates, Tensor log) {
    /** Iterations since the host last filled {@link #learningRates}: the row of the two tables. Always advances. */
    public static final int COUNTER_ITERATION = 0;
    /** Optimizer steps taken; a skipped step does not count. */
    public static final int COUNTER_STEP = 1;
    /** Steps skipped because the gradient norm was not finite. */
    public static final int COUNTER_SKIPPED = 2;
    /** Position of the batch in the epoch's order: the cursor of {@link BatchRows}. */
    public static final int COUNTER_CURSOR = 3;
    public static final int COUNTERS = 4;

    /** Learning rate of this step. */
    public static final int CONTROL_LEARNING_RATE = 0;
    /** Learning rate / (1 − β₁ᵗ). */
    public static final int CONTROL_STEP_SIZE = 1;
    /** √(1 − β₂ᵗ). */
    public static final int CONTROL_SQRT_BIAS_CORRECTION_2 = 2;
    /** What each gradient is multiplied by: min(1, maxNorm / (norm + 1e-6)). */
    public static final int CONTROL_CLIP_FACTOR = 3;
    /** 1 if the update must change nothing, else 0. */
    public static final int CONTROL_SKIP = 4;
    /** 1 in the first step ever taken, else 0: momentum starts from the gradient itself. */
    public static final int CONTROL_FIRST_STEP = 5;
    public static final int CONTROLS = 8;

    /** Mean loss over the batch. */
    public static final int LOG_LOSS = 0;
    /** Mean of the row hits over the batch, or NaN where the loss has none. */
    public static final int LOG_HITS = 1;
    /** Global gradient norm before clipping. */
    public static final int LOG_GRADIENT_NORM = 2;
    /** 1 if the step was skipped. */
    public static final int LOG_SKIPPED = 3;
    public static final int LOG_COLUMNS = 4;

    public StepState {
        Shapes.expect("counters", counters, Shape.of(COUNTERS));
        Shapes.expectType("counters", counters, DType.INT32);
        Shapes.expect("control", control, Shape.of(CONTROLS));
        Shapes.expect("log", log, Shape.of(Math.toIntExact(learningRates.elements()), LOG_COLUMNS));
    }

    /** Iterations that the tables hold before the host must read the log and fill in new rates. */
    public int capacity() {
        return learningRates.dim(0);
    }

    /** The cursor as its own one-element tensor, for {@link BatchRows}. */
    public Tensor cursor() {
        return counters.view(COUNTER_CURSOR, Shape.of(1));
    }
}
