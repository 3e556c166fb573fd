package org.talweg.cli;

import java.util.concurrent.CountDownLatch;
import org.talweg.train.Trainer;

/**
 * While it is open, Ctrl-C (or a polite kill) ends training after the step in progress, and the process waits until this
 * is closed: until what was learned is saved.
 */
final class Interruption implements AutoCloseable {
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread hook;
    private volatile boolean happened;

    Interruption(Trainer trainer) {
        hook = new Thread(() -> {
            happened = true;
            trainer.requestStop();
            try {
                closed.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }, "interruption");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    boolean happened() {
        return happened;
    }

    @Override
    public void close() {
        closed.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending, because it was interrupted: the hook has run.
        }
    }
}
