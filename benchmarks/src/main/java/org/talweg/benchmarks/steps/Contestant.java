package org.talweg.benchmarks.steps;

/** A library that can train a {@link Net}; each peer is compiled by a Maven profile of its own. */
public interface Contestant {

    String name();

    /**
     * Trains from {@link Net#weights} on, over all batches in order, as that library's users would for speed.
     *
     * @param threads that it may use
     * @return what to compare
     */
    Outcome train(Net net, int threads, int epochs);

    /**
     * @param microseconds of a step, mean of each epoch
     * @param lastLoss     of the last step, before its update: everybody has to do the same work
     */
    record Outcome(double[] microseconds, double lastLoss) {
    }
}
