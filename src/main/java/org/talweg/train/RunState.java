package org.talweg.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Where a training run is, for listeners; valid while they are told. */
public interface RunState {

    /** Epochs that are finished. */
    List<EpochMetrics> history();

    /** Steps done, skipped ones included. */
    long steps();

    /** Whether an epoch has just ended, and was evaluated. */
    boolean isEpochEnd();

    /** Whether the run ends here: all is done, a criterion says so, or it was interrupted. */
    boolean isEnding();

    /**
     * Writes everything that the run depends on from here, so that {@link Trainer#resume} goes on bit for bit; whole or
     * not at all.
     */
    void save(Path path) throws IOException;
}
