package org.talweg.testing;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Seeded test data. */
public final class Draw {
    /** One, primes, and one less and one more than every tile width. */
    private static final int[] EXTENTS = {1, 2, 3, 5, 7, 17, 31, 32, 33, 64, 100, 127, 129, 257};

    private final SplittableRandom random;

    public Draw(long seed) {
        random = new SplittableRandom(seed);
    }

    public int extent() {
        return EXTENTS[random.nextInt(EXTENTS.length)];
    }

    public int below(int bound) {
        return random.nextInt(bound);
    }

    public boolean flag() {
        return random.nextBoolean();
    }

    public <T> T oneOf(T[] values) {
        return values[random.nextInt(values.length)];
    }

    /**
     * Shapes of {@code rank} extents: all ones, one long extent at a time, and samples of at most {@code maxElements}.
     */
    public List<int[]> shapes(int rank, int samples, long maxElements) {
        List<int[]> shapes = new ArrayList<>();
        for (int longest = -1; longest < rank; longest++) {
            int[] shape = new int[rank];
            for (int i = 0; i < rank; i++) {
                shape[i] = i == longest ? 257 : 1;
            }
            shapes.add(shape);
        }
        while (shapes.size() < samples + rank + 1) {
            int[] shape = new int[rank];
            long elements = 1;
            for (int i = 0; i < rank; i++) {
                shape[i] = extent();
                elements *= shape[i];
            }
            if (elements <= maxElements) {
                shapes.add(shape);
            }
        }
        return shapes;
    }

    /** Whole numbers from −4 to 4: their products and sums are exact in float32. */
    public float[] integers(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(9) - 4;
        }
        return values;
    }

    /** Uniform in [−scale, scale). */
    public float[] reals(int count, double scale) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) ((2 * random.nextDouble() - 1) * scale);
        }
        return values;
    }

    /** Both signs, magnitudes from 10⁻¹⁰ to 10³, and zeros of either sign. */
    public float[] wideReals(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            double magnitude = random.nextInt(8) == 0 ? 0 : Math.pow(10, 13 * random.nextDouble() - 10);
            values[i] = (float) (random.nextBoolean() ? magnitude : -magnitude);
        }
        return values;
    }

    /** Multiples of 2⁻¹⁰ in [0, 16): sums in double are exact in every order. */
    public float[] exact(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(1 << 14) * 0x1p-10f;
        }
        return values;
    }

    /** Whole numbers in [0, bound). */
    public int[] indices(int count, int bound) {
        int[] values = new int[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(bound);
        }
        return values;
    }

    /** Puts NaN and both infinities into a few places. */
    public float[] withNonFinite(float[] values) {
        float[] result = values.clone();
        for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            result[random.nextInt(result.length)] = odd;
        }
        return result;
    }

    public static float[] absolute(float[] values) {
        float[] result = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = Math.abs(values[i]);
        }
        return result;
    }
}
