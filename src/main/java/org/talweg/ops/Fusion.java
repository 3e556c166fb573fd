package org.talweg.ops;

/** Whether forward, loss and backward of a training step become one kernel ({@link FusedMlpOps}). */
public enum Fusion {
    /** Where the device can, and is predicted to be faster than with a kernel for each layer. */
    AUTO,
    /** Always; planning a step fails where the device or the model does not allow it, and says why. */
    ON,
    /** Never. */
    OFF
}
