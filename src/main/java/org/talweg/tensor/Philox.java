package org.talweg.tensor;

/**
 * Philox 4×32-10, a counter-based random number generator: the n-th number is a function of (seed, stream, n), so any
 * number of threads draw the same numbers in any order, and nothing is stored.
 *
 * <p>Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.3. The
 * kernels compute the same bits.
 */
public final class Philox {
    private static final int MULTIPLIER_0 = 0xD2511F53;
    private static final int MULTIPLIER_1 = 0xCD9E8D57;
    private static final int WEYL_0 = 0x9E3779B9;
    private static final int WEYL_1 = 0xBB67AE85;
    private static final int ROUNDS = 10;
    private static final float TWO_POW_MINUS_24 = 0x1p-24f;

    private Philox() {
    }

    /**
     * The four 32-bit words of one counter: key = seed (low word first), counter = (block, stream), each low word first.
     *
     * @param block number of the group of four
     */
    public static void words(long seed, long stream, long block, int[] result) {
        int c0 = (int) block;
        int c1 = (int) (block >>> 32);
        int c2 = (int) stream;
        int c3 = (int) (stream >>> 32);
        int k0 = (int) seed;
        int k1 = (int) (seed >>> 32);
        for (int round = 0; round < ROUNDS; round++) {
            long p0 = Integer.toUnsignedLong(MULTIPLIER_0) * Integer.toUnsignedLong(c0);
            long p1 = Integer.toUnsignedLong(MULTIPLIER_1) * Integer.toUnsignedLong(c2);
            int high0 = (int) (p0 >>> 32);
            int high1 = (int) (p1 >>> 32);
            c0 = high1 ^ c1 ^ k0;
            c1 = (int) p1;
            c2 = high0 ^ c3 ^ k1;
            c3 = (int) p0;
            k0 += WEYL_0;
            k1 += WEYL_1;
        }
        result[0] = c0;
        result[1] = c1;
        result[2] = c2;
        result[3] = c3;
    }

    /** Uniform in [0, 1) from the upper 24 bits of a word: (word ≫ 8) · 2⁻²⁴, exact in float32. */
    public static float uniform(int word) {
        return (word >>> 8) * TWO_POW_MINUS_24;
    }

    /** Uniform in (0, 1], for logarithms: ((word ≫ 8) + 1) · 2⁻²⁴. */
    public static float uniformAboveZero(int word) {
        return ((word >>> 8) + 1) * TWO_POW_MINUS_24;
    }

    /**
     * A seeded permutation of 0 … n−1 (Fisher–Yates; the draw for position i is word i mod 4 of block i / 4, scaled
     * to [0, i] by a 32×32-bit product).
     */
    public static int[] permutation(int n, long seed, long stream) {
        int[] order = new int[n];
        for (int i = 0; i < n; i++) {
            order[i] = i;
        }
        int[] words = new int[4];
        for (int i = n - 1; i > 0; i--) {
            words(seed, stream, i / 4, words);
            int j = (int) (Integer.toUnsignedLong(words[i % 4]) * (i + 1L) >>> 32);
            int swapped = order[i];
            order[i] = order[j];
            order[j] = swapped;
        }
        return order;
    }
}
