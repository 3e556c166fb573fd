package org.talweg.train;

import java.util.List;

/** Told how training goes, in the training thread. An exception from a listener ends the training. */
public interface Listener {

    default void onTrainBegin(Trainer trainer, int epochs, int stepsPerEpoch) {
    }

    /** Steps that were taken since the last call, in order; the device reports them in groups, not one by one. */
    default void onSteps(List<StepMetrics> steps) {
    }

    default void onEpochEnd(EpochMetrics metrics) {
    }

    default void onTrainEnd(TrainingResult result) {
    }
}
