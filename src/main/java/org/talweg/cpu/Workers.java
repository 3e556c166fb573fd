package org.talweg.cpu;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * The threads beside the caller's, one for each further core, shared by all CPU devices of the process: more would only
 * take turns. A training step is many pieces of work of some microseconds each, so a thread without work looks for more
 * for a while before it sleeps; and parts are taken by whoever comes first, so that a thread which sleeps, or which the
 * system runs something else in place of, holds nobody up.
 */
final class Workers {
    /** How long a thread waits awake: longer than what a step does on one core in between. */
    private static final long AWAKE_NANOS = 200_000;
    /** Looks for work between two looks at the clock. */
    private static final int LOOKS = 64;
    /** Looks at what the others have left to do before the core is offered to them. */
    private static final int PATIENCE = 1 << 12;
    private static final int MOST_PARTS = (1 << 16) - 1;

    private static final Workers SHARED = new Workers(Runtime.getRuntime().availableProcessors() - 1);

    private final Worker[] workers;
    /** Whether somebody has the workers work for it. */
    private final AtomicBoolean taken = new AtomicBoolean();
    /** Number of the job (32 bits), its parts (16), and how many of them were claimed (16). */
    private final AtomicLong claims = new AtomicLong();
    private final AtomicInteger unfinished = new AtomicInteger();
    /** Of the job; written only while there is nothing to claim, so whoever claims a part read them right. */
    private Parallel.Body body;
    private int rows;
    private int threads;
    private volatile Throwable failure;

    private Workers(int count) {
        workers = new Worker[Math.max(0, count)];
    }

    static Workers shared() {
        return SHARED;
    }

    private static int job(long claim) {
        return (int) (claim >>> 32);
    }

    private final class Worker extends Thread {
        private final int slot;
        private volatile boolean asleep;

        Worker(int slot) {
            super("talweg-cpu-" + slot);
            this.slot = slot;
            setDaemon(true);
        }

        @Override
        public void run() {
            while (true) {
                int seen = job(claims.get());
                work(slot);
                awaitOtherThan(seen);
            }
        }

        private void awaitOtherThan(int seen) {
            long start = System.nanoTime();
            while (true) {
                for (int i = 0; i < LOOKS; i++) {
                    if (job(claims.get()) != seen) {
                        return;
                    }
                    Thread.onSpinWait();
                }
                if (System.nanoTime() - start > AWAKE_NANOS) {
                    asleep = true;
                    if (job(claims.get()) == seen) {
                        LockSupport.park(Workers.this);
                    }
                    asleep = false;
                }
            }
        }
    }

    /**
     * Runs {@code body} on rows in so many parts, on at most {@code mostThreads} threads; false, and nothing done, if
     * the workers work for somebody else.
     */
    boolean run(int newRows, int parts, int mostThreads, Parallel.Body newBody) {
        if (workers.length == 0 || parts > MOST_PARTS || !taken.compareAndSet(false, true)) {
            return false;
        }
        try {
            body = newBody;
            rows = newRows;
            threads = mostThreads;
            failure = null;
            unfinished.set(parts);
            claims.set((long) job(claims.get()) + 1 << 32 | (long) parts << 16);
            for (int i = 0; i < Math.min(workers.length, Math.min(mostThreads, parts) - 1); i++) {
                wake(i);
            }
            work(0);
            for (int looks = 0; unfinished.get() > 0; looks++) {
                if (looks < PATIENCE) {
                    Thread.onSpinWait();
                } else {
                    Thread.yield();
                }
            }
            body = null;
            rethrow(failure);
            return true;
        } finally {
            taken.set(false);
        }
    }

    private void wake(int i) {
        if (workers[i] == null) {
            workers[i] = new Worker(i + 1);
            workers[i].start();
        } else if (workers[i].asleep) {
            LockSupport.unpark(workers[i]);
        }
    }

    /** Takes parts of the current job until none is left. */
    private void work(int slot) {
        long claim = claims.get();
        int part;
        int parts;
        while ((part = (int) claim & MOST_PARTS) < (parts = (int) (claim >>> 16) & MOST_PARTS)) {
            Parallel.Body mine = body;
            int all = rows;
            if (slot >= threads) {
                return;
            }
            if (claims.compareAndSet(claim, claim + 1)) {
                try {
                    mine.run(slot, (int) ((long) all * part / parts), (int) ((long) all * (part + 1) / parts));
                } catch (RuntimeException | Error e) {
                    failure = e;
                } finally {
                    unfinished.decrementAndGet();
                }
            }
            claim = claims.get();
        }
    }

    private static void rethrow(Throwable failure) {
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
    }
}
