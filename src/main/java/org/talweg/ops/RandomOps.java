package org.talweg.ops;

import org.talweg.tensor.Tensor;

/**
 * Random fills with {@link org.talweg.tensor.Philox}: element i uses word i mod 4 of block i / 4, whatever the
 * launch shape, so a tensor's values depend on (seed, stream) alone.
 */
public interface RandomOps {

    /** Uniform in [low, high): fma(high − low, u, low) with u from the word's upper 24 bits; the same bits everywhere. */
    void fillUniform(Tensor tensor, long seed, long stream, float low, float high);

    /**
     * Normal by Box and Muller: words (0, 1) of a block give elements 4k and 4k+1, words (2, 3) the other two, as
     * r cos 2πu₂ and r sin 2πu₂ with r = √(−2 ln u₁), u₁ in (0, 1]. Agrees between devices to a few ULP.
     */
    void fillNormal(Tensor tensor, long seed, long stream, float mean, float standardDeviation);

    /**
     * Inverted dropout: output = x · s where the element's uniform number is at least {@code rate}, else 0, with
     * s = 1 / (1 − rate) rounded once. The mask follows from (seed, layer, step, element) alone and is stored nowhere:
     * with the same four the gradient goes through the same one. Srivastava et al. 2014.
     *
     * @param rate         of elements dropped, in [0, 1]; at 1 all are
     * @param layer        tells the dropouts of a model apart
     * @param firstElement number of the first element of {@code x}: not 0 if it is a later part of a batch
     * @param steps        INT32 [2], on the device: steps taken and steps skipped; their sum is the step
     * @param accumulate   add to what {@code output} holds instead of overwriting it
     * @param output       may be {@code x}
     */
    void dropout(Tensor x, float rate, long seed, int layer, long firstElement, Tensor steps, boolean accumulate,
                 Tensor output);

    /** The random stream of a dropout's masks: apart from those of initial values, whose upper half is 0. */
    static long dropoutStream(int layer, int stepsTaken, int stepsSkipped) {
        return (long) layer << 32 | Integer.toUnsignedLong(stepsTaken + stepsSkipped);
    }

    /** What the kept elements are multiplied by. */
    static float dropoutScale(float rate) {
        return rate == 1 ? 0 : (float) (1 / (1 - (double) rate));
    }
}
