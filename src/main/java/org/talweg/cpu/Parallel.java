package org.talweg.cpu;

import java.util.concurrent.RecursiveAction;

/**
 * Splits a range of independent rows over the cores. Who computes a row never changes its value, so results do not
 * depend on the number of threads. Tasks are reused: a call allocates nothing.
 */
final class Parallel {
    /** Below this many operations a part costs more to hand over than to do: some 50 µs of work. */
    private static final long OPERATIONS_PER_PART = 1 << 20;

    /** Work on rows {@code from} (included) to {@code to} (excluded). */
    interface Body {
        /** @param part number of this part, for scratch memory of its own */
        void run(int part, int from, int to);
    }

    private static final class Part extends RecursiveAction {
        private static final long serialVersionUID = 1L;
        private final int number;
        private transient Body body;
        private int from;
        private int to;

        Part(int number) {
            this.number = number;
        }

        @Override
        protected void compute() {
            body.run(number, from, to);
        }
    }

    private final Part[] parts;

    Parallel(int threads) {
        parts = new Part[threads];
        for (int i = 0; i < threads; i++) {
            parts[i] = new Part(i);
        }
    }

    int parts() {
        return parts.length;
    }

    /**
     * @param operations rough count of arithmetic operations over all rows
     */
    void run(int rows, long operations, Body body) {
        int count = (int) Math.min(Math.min(parts.length, rows), operations / OPERATIONS_PER_PART);
        if (count <= 1) {
            body.run(0, 0, rows);
            return;
        }
        for (int i = 1; i < count; i++) {
            Part part = parts[i];
            part.reinitialize();
            part.body = body;
            part.from = (int) ((long) rows * i / count);
            part.to = (int) ((long) rows * (i + 1) / count);
            part.fork();
        }
        try {
            body.run(0, 0, rows / count);
        } finally {
            for (int i = 1; i < count; i++) {
                parts[i].join();
            }
        }
    }
}
