package org.talweg.benchmarks.steps;

import java.util.List;

/** A library that can train a {@link Net}; each peer is compiled by a Maven profile of its own. */
public interface Contestant {

    String name();

    /** Whether threads of its own wait for work as OpenMP's do, so that there is a choice how. */
    default boolean usesOpenMp() {
        return false;
    }

    /**
     * Trains from {@link Net#weights} on, over all batches in order, as that library's users would for speed.
     *
     * @param threads that it may use
     */
    Outcome train(Net net, int threads, Effort effort);

    /**
     * Adam (rate 0.001) on parameters that start at 0 with gradients that stay {@link #gradient}: the update alone, each
     * step an epoch. The loss is a parameter in the middle, {@link #compared}.
     */
    Outcome update(int parameters, int threads, Effort effort);

    /** Of one parameter. */
    static float gradient(int index) {
        return (index % 7 - 3) * 0.01f;
    }

    /** Of all. */
    static float[] gradients(int parameters) {
        float[] gradients = new float[parameters];
        for (int i = 0; i < parameters; i++) {
            gradients[i] = gradient(i);
        }
        return gradients;
    }

    /** Of the parameter that is compared, whose gradient is not 0. */
    static int compared(int parameters) {
        return parameters / 14 * 7;
    }

    /**
     * @param microseconds of a step, mean of each epoch
     * @param loss         of the last step of epoch {@link Effort#compared}, before its update: everybody has to do the
     *                     same work
     */
    record Outcome(List<Double> microseconds, double loss) {
    }
}
