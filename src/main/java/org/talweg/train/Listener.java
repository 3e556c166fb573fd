package org.talweg.train;

import java.util.List;
import org.talweg.optim.SavedState;

/** Told how training goes, in the training thread. An exception from a listener ends the training. */
public interface Listener {

    default void onTrainBegin(Trainer trainer, int epochs, int stepsPerEpoch) {
    }

    /** In place of {@link #onTrainBegin} where a run goes on from a checkpoint. */
    default void onResume(Trainer trainer, int epochs, int stepsPerEpoch, RunState run) {
        onTrainBegin(trainer, epochs, stepsPerEpoch);
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

    /** When the run may be saved: after a group of steps, when all have been told of it, and after an epoch. */
    default void onState(RunState run) {
    }

    /** What a checkpoint should hold for this listener; null, as here, for nothing. */
    default SavedState save() {
        return null;
    }

    /** What {@link #save} gave before the checkpoint that the run goes on from; after {@link #onResume}. */
    default void restore(SavedState saved) {
    }

    default void onTrainEnd(TrainingResult result) {
    }
}
