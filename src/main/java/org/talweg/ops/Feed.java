package org.talweg.ops;

import java.nio.ByteBuffer;
import org.talweg.tensor.Tensor;

/**
 * Host memory from which values go to a device beside its computation: {@link #memory} is filled, by any thread, {@link #send}
 * starts the copy, and {@link #join} makes later operations wait for it. With two feeds in turn, filling, copying and
 * computing go on at the same time.
 */
public interface Feed extends AutoCloseable {

    /** All of it, in native byte order from position 0 on, once the last copy out of it is done: waits for that. */
    ByteBuffer memory();

    /**
     * Copies as many values as {@code destination} has, 4 bytes each, from the start of the memory. The copy begins when all
     * operations so far are done, and runs beside those that follow.
     */
    void send(Tensor destination);

    /** Operations from now on begin when the last copy is done. */
    void join();

    @Override
    void close();
}
