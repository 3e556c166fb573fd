package org.talweg.ops;

/** A sequence of operations captured once, to be run many times: a CUDA graph on a GPU. */
public interface Recording extends AutoCloseable {

    /** Runs the whole sequence again; on a GPU one launch, asynchronous. */
    void replay();

    @Override
    void close();
}
