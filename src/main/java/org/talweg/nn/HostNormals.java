package org.talweg.nn;

import org.talweg.tensor.Philox;

/** Standard normal numbers one after another, in double, the same on every device: Philox, Box and Muller. */
final class HostNormals {
    private final long seed;
    private final long stream;
    private final int[] words = new int[4];
    private long drawn;
    private double second;

    HostNormals(long seed, long stream) {
        this.seed = seed;
        this.stream = stream;
    }

    double next() {
        if (drawn++ % 2 == 1) {
            return second;
        }
        Philox.words(seed, stream, drawn / 2, words);
        double radius = Math.sqrt(-2 * StrictMath.log(Philox.uniformAboveZero(words[0])));
        double angle = 2 * Math.PI * Philox.uniform(words[1]);
        second = radius * StrictMath.sin(angle);
        return radius * StrictMath.cos(angle);
    }
}
