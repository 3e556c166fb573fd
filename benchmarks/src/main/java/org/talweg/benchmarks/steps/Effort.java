package org.talweg.benchmarks.steps;

import java.util.ArrayList;
import java.util.List;

/**
 * How long a run is: so many epochs in any case, after which its loss is compared, and as many more as begin before its
 * time is over.
 *
 * @param compared epochs, at least 1
 */
public record Effort(int compared, double seconds) {
    /** Enough of the fastest. */
    static final int MOST_EPOCHS = 50_000;

    /** What is timed as one. */
    @FunctionalInterface
    public interface Epoch {
        /**
         * @param lossWanted in one epoch of a run, for reading it may take time
         * @return the loss of its last step if that is wanted, else anything
         */
        double run(boolean lossWanted);
    }

    /** @param steps of an epoch */
    public Contestant.Outcome time(int steps, Epoch epoch) {
        return time(steps, () -> { }, epoch);
    }

    /** @param before each epoch, untimed */
    public Contestant.Outcome time(int steps, Runnable before, Epoch epoch) {
        List<Double> microseconds = new ArrayList<>();
        double loss = Double.NaN;
        long begin = System.nanoTime();
        do {
            boolean lossWanted = microseconds.size() == compared - 1;
            before.run();
            long start = System.nanoTime();
            double last = epoch.run(lossWanted);
            microseconds.add((System.nanoTime() - start) / 1e3 / steps);
            loss = lossWanted ? last : loss;
        } while (!isOver(microseconds.size(), (System.nanoTime() - begin) / 1e9));
        return new Contestant.Outcome(microseconds, loss);
    }

    /** Whether a run that has done this much ends. */
    boolean isOver(int epochs, double elapsed) {
        return epochs >= compared && (elapsed >= seconds || epochs >= MOST_EPOCHS);
    }
}
