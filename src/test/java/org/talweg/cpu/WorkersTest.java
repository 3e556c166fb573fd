package org.talweg.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;

/** Every row is done once, whoever does it and whatever goes wrong. */
class WorkersTest {
    private static final int ROWS = 1000;
    private static final int THREADS = 4;
    private static final long LARGE = 1L << 40;

    private final Parallel parallel = new Parallel(THREADS);

    private int[] counted(int times) {
        AtomicIntegerArray done = new AtomicIntegerArray(ROWS);
        for (int i = 0; i < times; i++) {
            parallel.run(ROWS, LARGE, (slot, from, to) -> {
                for (int row = from; row < to; row++) {
                    done.incrementAndGet(row);
                }
            });
        }
        int[] counts = new int[ROWS];
        for (int i = 0; i < ROWS; i++) {
            counts[i] = done.get(i);
        }
        return counts;
    }

    private static int[] all(int times) {
        int[] counts = new int[ROWS];
        Arrays.fill(counts, times);
        return counts;
    }

    @Test
    void everyRowIsDoneOnce() {
        assertArrayEquals(all(5000), counted(5000));
    }

    @Test
    void aSleeperIsWoken() throws InterruptedException {
        counted(1);
        Thread.sleep(50);
        assertArrayEquals(all(1), counted(1));
    }

    @Test
    void severalThreadsMayAskAtOnce() throws InterruptedException {
        int[][] counts = new int[3][];
        Thread[] threads = new Thread[counts.length];
        for (int i = 0; i < threads.length; i++) {
            int mine = i;
            threads[i] = new Thread(() -> counts[mine] = counted(2000));
            threads[i].start();
        }
        for (int i = 0; i < threads.length; i++) {
            threads[i].join();
            assertArrayEquals(all(2000), counts[i]);
        }
    }

    @Test
    void workWithinWorkIsDoneOnTheSpot() {
        AtomicIntegerArray done = new AtomicIntegerArray(1);
        parallel.run(THREADS, LARGE, (slot, from, to) ->
            parallel.run(ROWS, LARGE, (inner, first, last) -> done.addAndGet(0, (to - from) * (last - first))));
        assertEquals(THREADS * ROWS, done.get(0));
    }

    @Test
    void aFailureReachesTheCallerAndSpoilsNothing() {
        for (int bad = 0; bad < ROWS; bad += 333) {
            int row = bad;
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
                () -> parallel.run(ROWS, LARGE, (slot, from, to) -> {
                    if (from <= row && row < to) {
                        throw new IllegalArgumentException("row " + row);
                    }
                }));
            assertEquals("row " + row, e.getMessage());
        }
        assertArrayEquals(all(10), counted(10));
    }
}
