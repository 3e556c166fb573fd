package org.talweg.cuda.conformance;

import java.util.SplittableRandom;
import org.talweg.cuda.conformance.Exact.Format;

/** Operands that hurt: special values against each other, then random patterns of several kinds. */
final class Operands {
    private Operands() {
    }

    /** Patterns with a meaning of their own. */
    static long[] specials(Format f) {
        long one = (long) f.bias() << f.fractionBits();
        long smallestNormal = 1L << f.fractionBits();
        long[] positive = {0, 1, 2, smallestNormal - 1, smallestNormal, smallestNormal + 1, one - 1, one, one + 1,
            one + smallestNormal, one + smallestNormal / 2, f.infinity() - 1, f.infinity(), f.infinity() + 1, f.nan(),
            f.magnitude(-1L)};
        long[] all = new long[2 * positive.length];
        for (int i = 0; i < positive.length; i++) {
            all[2 * i] = positive[i];
            all[2 * i + 1] = positive[i] | f.signBit();
        }
        return all;
    }

    /** {@code count} tuples of {@code arity} operands each. */
    static long[][] tuples(Format f, int arity, int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        long[] specials = specials(f);
        long[][] tuples = new long[count][arity];
        int pairs = specials.length * specials.length;
        for (int i = 0; i < count; i++) {
            long exponent = random.nextLong(f.infinity() >>> f.fractionBits());
            for (int j = 0; j < arity; j++) {
                long pattern = random.nextLong() & (f.signBit() | f.signBit() - 1);
                if (i < pairs) {
                    tuples[i][j] = specials[(j == 0 ? i : j == 1 ? i / specials.length : random.nextInt(1 << 16)) % specials.length];
                } else if (i % 4 == 0) {
                    tuples[i][j] = pattern;
                } else {
                    // Exponents near each other, so that sums interact; some with few bits, so that ties happen.
                    long near = Math.floorMod(exponent + random.nextInt(-4, 5), f.infinity() >>> f.fractionBits());
                    long bits = pattern & ~f.infinity() | near << f.fractionBits();
                    int cut = random.nextInt(f.fractionBits() + 1);
                    tuples[i][j] = i % 4 == 1 ? bits >>> cut << cut & (f.signBit() | f.signBit() - 1) | pattern & f.signBit() : bits;
                }
            }
        }
        return tuples;
    }
}
