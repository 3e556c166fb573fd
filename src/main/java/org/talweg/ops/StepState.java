package org.talweg.ops;

import java.util.Arrays;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Everything that changes from one training step to the next, in device memory, so that a captured graph can be
 * replayed unchanged.
 *
 * @param counters INT32 [{@value #COUNTERS}]: see the {@code COUNTER_} constants
 * @param control  FLOAT32 [{@value #CONTROLS}]: see the {@code CONTROL_} constants; written by
 *                 {@link UpdateOps#prepareStep}, read by the updates
 * @param memory   INT32 [2×{@link UpdateRule#MEMORY}]: doubles that the optimizer keeps from step to step, each as low
 *                 and high word
 * @param schedule FLOAT32 [capacity×{@value #SCHEDULE_COLUMNS}]: learning rate and momentum of each iteration, until
 *                 the host fills the table again; see the {@code SCHEDULE_} constants
 * @param log      FLOAT32 [capacity×{@value #LOG_COLUMNS}]: one row an iteration, see the {@code LOG_} constants
 */
public record StepState(Tensor counters, Tensor control, Tensor memory, Tensor schedule, Tensor log)
    implements AutoCloseable {
    /** Iterations since the host last filled {@link #schedule}: the row of the two tables. Always advances. */
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
    /** Momentum of this step, β₁ for Adam's kin. */
    public static final int CONTROL_MOMENTUM = 1;
    /** What each gradient is multiplied by, {@link ClipRule#stepFactor}. */
    public static final int CONTROL_CLIP_FACTOR = 2;
    /** What each gradient is raised to at least, before the factor. */
    public static final int CONTROL_CLIP_LOW = 3;
    /** What each gradient is lowered to at most, before the factor. */
    public static final int CONTROL_CLIP_HIGH = 4;
    /** 1 if the update must change nothing, else 0. */
    public static final int CONTROL_SKIP = 5;
    /** 1 in the first step ever taken, else 0: momentum starts from the gradient itself. */
    public static final int CONTROL_FIRST_STEP = 6;
    /** The first of the rule's step scalars, {@link UpdateRule#scalars}. */
    public static final int CONTROL_RULE = 8;
    public static final int CONTROLS = CONTROL_RULE + UpdateRule.SCALARS;

    /** Of {@link #save}. */
    public static final int WORDS = COUNTERS + CONTROLS + 2 * UpdateRule.MEMORY;

    public static final int SCHEDULE_LEARNING_RATE = 0;
    /** β₁ for Adam's kin. */
    public static final int SCHEDULE_MOMENTUM = 1;
    public static final int SCHEDULE_COLUMNS = 2;

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
        Shapes.expect("counters", counters, COUNTERS);
        Shapes.expectType("counters", counters, DType.INT32);
        Shapes.expect("control", control, CONTROLS);
        Shapes.expect("optimizer memory", memory, 2 * UpdateRule.MEMORY);
        Shapes.expectType("optimizer memory", memory, DType.INT32);
        Shapes.expect("schedule", schedule, schedule.dim(0), SCHEDULE_COLUMNS);
        Shapes.expect("log", log, schedule.dim(0), LOG_COLUMNS);
    }

    /**
     * A fresh state before the first step.
     *
     * @param capacity iterations that the tables hold
     */
    public static StepState allocate(Device device, int capacity) {
        return new StepState(device.allocate(DType.INT32, Shape.of(COUNTERS), "step counters"),
            device.allocate(DType.FLOAT32, Shape.of(CONTROLS), "step control"),
            device.allocate(DType.INT32, Shape.of(2 * UpdateRule.MEMORY), "optimizer memory"),
            device.allocate(DType.FLOAT32, Shape.of(capacity, SCHEDULE_COLUMNS), "schedule"),
            device.allocate(DType.FLOAT32, Shape.of(capacity, LOG_COLUMNS), "step log"));
    }

    /** Iterations that the tables hold before the host must read the log and fill in new rates. */
    public int capacity() {
        return schedule.dim(0);
    }

    /** The iteration counter alone, for the host to set back when it has filled the schedule. */
    public Tensor iteration() {
        return counters.view(COUNTER_ITERATION, Shape.of(1));
    }

    /** The cursor as its own one-element tensor, for {@link BatchRows}. */
    public Tensor cursor() {
        return counters.view(COUNTER_CURSOR, Shape.of(1));
    }

    /** Everything but the tables, as {@value #WORDS} words: counters, bits of the control, optimizer memory. */
    public int[] save(Device device) {
        int[] words = new int[WORDS];
        int[] counts = new int[COUNTERS];
        float[] scalars = new float[CONTROLS];
        int[] doubles = new int[2 * UpdateRule.MEMORY];
        device.download(counters, counts);
        device.download(control, scalars);
        device.download(memory, doubles);
        System.arraycopy(counts, 0, words, 0, COUNTERS);
        for (int i = 0; i < CONTROLS; i++) {
            words[COUNTERS + i] = Float.floatToRawIntBits(scalars[i]);
        }
        System.arraycopy(doubles, 0, words, COUNTERS + CONTROLS, doubles.length);
        return words;
    }

    /** Puts back what {@link #save} gave. */
    public void restore(Device device, int[] words) {
        if (words.length != WORDS) {
            throw new IllegalArgumentException(words.length + " words of a step's state; it has " + WORDS);
        }
        float[] scalars = new float[CONTROLS];
        for (int i = 0; i < CONTROLS; i++) {
            scalars[i] = Float.intBitsToFloat(words[COUNTERS + i]);
        }
        device.upload(Arrays.copyOf(words, COUNTERS), counters);
        device.upload(scalars, control);
        device.upload(Arrays.copyOfRange(words, COUNTERS + CONTROLS, WORDS), memory);
    }

    /** Frees what {@link #allocate} allocated. */
    @Override
    public void close() {
        for (Tensor tensor : new Tensor[] {counters, control, memory, schedule, log}) {
            tensor.buffer().close();
        }
    }
}
