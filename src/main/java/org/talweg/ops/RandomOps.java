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
}
