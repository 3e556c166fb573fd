package org.talweg.train;

import java.util.List;

/** Told how training goes, in the training thread. An exception from a listener ends the training. */
public interface Listener {

    default void onTrainBegin(Trainer trainer, int epochs, int stepsPerEpoch) {
    }

    /**
     * Steps that were taken since the last call, in order; the device reports them in groups, not one by one, and a
     * group ends no later than its epoch.
     */
    default void onSteps(List<StepMetrics> steps) {
    }

    /** The most steps that the next group may have: for a listener that must see the model as it is after them. */
    default int stepsUntilReport() {
        return Integer.MAX_VALUE;
    }

    default void onEpochEnd(EpochMetrics metrics) {
    }

    default void onTrainEnd(TrainingResult result) {
    }
}
