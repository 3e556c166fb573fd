package org.talweg.optim;

/** Learning rate as a function of the step; any lambda will do. */
@FunctionalInterface
public interface Schedule {

    /**
     * @param step  0 for the first step of the run; skipped steps count
     * @param steps number of steps the whole run will take, so that no schedule needs to be told twice
     */
    double rate(long step, long steps);
}
