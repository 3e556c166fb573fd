package org.talweg.tape;

/** Takes one step of a training, and leaves a row in the log of its {@link org.talweg.ops.StepState}. */
public interface StepProgram extends AutoCloseable {

    /** Rows that one run consumes. */
    int batch();

    /** One step; on a GPU it may be asynchronous. */
    void run();

    @Override
    void close();
}
