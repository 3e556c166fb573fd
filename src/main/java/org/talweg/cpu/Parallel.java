package org.talweg.cpu;

/**
 * Splits a range of independent rows over the cores. Who computes a row never changes its value, so results do not
 * depend on the number of threads. A call allocates nothing.
 */
final class Parallel {
    /** Below this many operations a part costs more to hand over than to do: some 3 µs of work. */
    private static final long OPERATIONS_PER_PART = 1 << 18;
    /** From this many on, some 1 ms, a part is cut further: others may need a core now and then. */
    private static final long LARGE_PART = 1L << 27;
    /** Parts that large work has for each thread. */
    private static final int CUTS = 16;

    /** Work on rows {@code from} (included) to {@code to} (excluded). */
    interface Body {
        /** @param slot number of the thread among those at work, for scratch memory of its own */
        void run(int slot, int from, int to);
    }

    private final int threads;

    Parallel(int threads) {
        this.threads = threads;
    }

    /** Threads that may be at work at once. */
    int threads() {
        return threads;
    }

    /**
     * @param operations rough count of arithmetic operations over all rows
     */
    void run(int rows, long operations, Body body) {
        long worth = operations / OPERATIONS_PER_PART;
        int parts = (int) Math.min(Math.min(threads, rows), worth);
        if (parts > 1 && operations / parts >= LARGE_PART) {
            parts = (int) Math.min(Math.min((long) parts * CUTS, operations / LARGE_PART), rows);
        }
        if (parts <= 1 || !Workers.shared().run(rows, parts, threads, body)) {
            body.run(0, 0, rows);
        }
    }
}
