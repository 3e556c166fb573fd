package org.talweg.cuda.conformance;

import java.math.BigInteger;

/**
 * Floating point by exact rational arithmetic: a value is numerator / denominator with big integers, and one function
 * rounds it to a format. It shares nothing with the device's own arithmetic.
 */
final class Exact {
    /** Rounding by PTX's names; {@code RNA} has ties away from zero. */
    enum Mode { RN, RZ, RM, RP, RNA }

    /** A binary format with the NaN that the device gives. */
    record Format(int exponentBits, int fractionBits, long nan) {
        int bias() {
            return (1 << (exponentBits - 1)) - 1;
        }

        int width() {
            return 1 + exponentBits + fractionBits;
        }

        long signBit() {
            return 1L << (width() - 1);
        }

        long infinity() {
            return ((1L << exponentBits) - 1) << fractionBits;
        }

        long magnitude(long bits) {
            return bits & (signBit() - 1);
        }

        boolean isNan(long bits) {
            return magnitude(bits) > infinity();
        }

        boolean isInfinite(long bits) {
            return magnitude(bits) == infinity();
        }

        boolean isZero(long bits) {
            return magnitude(bits) == 0;
        }

        boolean isNegative(long bits) {
            return (bits & signBit()) != 0;
        }

        /** Subnormals to zero, sign kept. */
        long flush(long bits) {
            return (bits & infinity()) == 0 ? bits & signBit() : bits;
        }
    }

    static final Format F16 = new Format(5, 10, 0x7fff);
    static final Format BF16 = new Format(8, 7, 0x7fff);
    static final Format F32 = new Format(8, 23, 0x7fffffff);
    static final Format F64 = new Format(11, 52, 0x7ff8000000000000L);
    static final Format TF32 = new Format(8, 10, 0x3ffff);

    private static final BigInteger TWO = BigInteger.TWO;

    /** numerator / denominator, the denominator positive. */
    record Rational(BigInteger numerator, BigInteger denominator) {
        static Rational of(BigInteger n, BigInteger d) {
            return d.signum() < 0 ? new Rational(n.negate(), d.negate()) : new Rational(n, d);
        }

        Rational plus(Rational o) {
            return of(numerator.multiply(o.denominator).add(o.numerator.multiply(denominator)),
                denominator.multiply(o.denominator));
        }

        Rational negate() {
            return of(numerator.negate(), denominator);
        }

        Rational times(Rational o) {
            return of(numerator.multiply(o.numerator), denominator.multiply(o.denominator));
        }

        Rational over(Rational o) {
            return of(numerator.multiply(o.denominator), denominator.multiply(o.numerator));
        }

        int signum() {
            return numerator.signum();
        }
    }

    private Exact() {
    }

    static Rational value(BigInteger integer) {
        return Rational.of(integer, BigInteger.ONE);
    }

    /** Of a finite pattern. */
    static Rational value(Format f, long bits) {
        long magnitude = f.magnitude(bits);
        long exponent = magnitude >>> f.fractionBits();
        long fraction = magnitude & ((1L << f.fractionBits()) - 1);
        BigInteger significand = BigInteger.valueOf(exponent == 0 ? fraction : fraction | 1L << f.fractionBits());
        int scale = (int) Math.max(exponent, 1) - f.bias() - f.fractionBits();
        if (f.isNegative(bits)) {
            significand = significand.negate();
        }
        return scale >= 0 ? value(significand.shiftLeft(scale))
            : Rational.of(significand, BigInteger.ONE.shiftLeft(-scale));
    }

    /** The pattern nearest to a value, by mode. A zero is positive: the caller knows better. */
    static long round(Rational x, Format f, Mode mode) {
        if (x.signum() == 0) {
            return 0;
        }
        boolean negative = x.signum() < 0;
        BigInteger n = x.numerator().abs();
        BigInteger d = x.denominator();
        int exponent = n.bitLength() - d.bitLength();
        if (compareToPower(n, d, exponent) < 0) {
            exponent--;
        }
        int quantum = Math.max(exponent, 1 - f.bias()) - f.fractionBits();
        BigInteger[] parts = quantum >= 0 ? n.divideAndRemainder(d.shiftLeft(quantum))
            : n.shiftLeft(-quantum).divideAndRemainder(d);
        BigInteger divisor = quantum >= 0 ? d.shiftLeft(quantum) : d;
        int tie = parts[1].multiply(TWO).compareTo(divisor);
        return assemble(parts[0].longValueExact(), parts[1].signum() != 0, tie, negative, quantum, f, mode);
    }

    /** The same for the square root of a positive value. */
    static long roundRoot(Rational x, Format f, Mode mode) {
        BigInteger n = x.numerator();
        BigInteger d = x.denominator();
        int exponent = Math.floorDiv(n.bitLength() - d.bitLength(), 2);
        while (compareToPower(n, d, 2 * exponent) < 0) {
            exponent--;
        }
        while (compareToPower(n, d, 2 * (exponent + 1)) >= 0) {
            exponent++;
        }
        int quantum = Math.max(exponent, 1 - f.bias()) - f.fractionBits();
        BigInteger scaled = quantum >= 0 ? n : n.shiftLeft(-2 * quantum);
        BigInteger divisor = quantum >= 0 ? d.shiftLeft(2 * quantum) : d;
        BigInteger root = scaled.divide(divisor).sqrt();
        boolean inexact = !root.multiply(root).multiply(divisor).equals(scaled);
        BigInteger half = root.multiply(TWO).add(BigInteger.ONE);
        int tie = scaled.multiply(BigInteger.valueOf(4)).compareTo(half.multiply(half).multiply(divisor));
        return assemble(root.longValueExact(), inexact, tie, false, quantum, f, mode);
    }

    private static int compareToPower(BigInteger n, BigInteger d, int power) {
        return power >= 0 ? n.compareTo(d.shiftLeft(power)) : n.shiftLeft(-power).compareTo(d);
    }

    private static long assemble(long steps, boolean inexact, int tie, boolean negative, int quantum, Format f,
            Mode mode) {
        boolean up = switch (mode) {
            case RN -> tie > 0 || (tie == 0 && (steps & 1) != 0);
            case RNA -> tie >= 0;
            case RZ -> false;
            case RM -> negative && inexact;
            case RP -> !negative && inexact;
        };
        long rounded = up ? steps + 1 : steps;
        int smallest = 1 - f.bias() - f.fractionBits();
        // The implicit bit carries into the exponent field.
        long binades = quantum - smallest;
        long bits = (binades << f.fractionBits()) + rounded;
        if (binades >= (1L << f.exponentBits()) - 2 || bits >= f.infinity()) {
            boolean stays = mode == Mode.RZ || mode == (negative ? Mode.RP : Mode.RM);
            bits = stays ? f.infinity() - 1 : f.infinity();
        }
        return negative ? bits | f.signBit() : bits;
    }

    static long add(Format f, long a, long b, Mode mode) {
        if (f.isNan(a) || f.isNan(b) || (f.isInfinite(a) && f.isInfinite(b) && a != b)) {
            return f.nan();
        }
        if (f.isInfinite(a) || f.isInfinite(b)) {
            return f.isInfinite(a) ? a : b;
        }
        Rational sum = value(f, a).plus(value(f, b));
        return sum.signum() == 0 ? zeroSum(f, f.isNegative(a), f.isNegative(b), f.isZero(a) && f.isZero(b), mode)
            : round(sum, f, mode);
    }

    private static long zeroSum(Format f, boolean a, boolean b, boolean zeros, Mode mode) {
        boolean negative = zeros && a == b ? a : mode == Mode.RM;
        return negative ? f.signBit() : 0;
    }

    static long negate(Format f, long bits) {
        return bits ^ f.signBit();
    }

    static long multiply(Format f, long a, long b, Mode mode) {
        if (f.isNan(a) || f.isNan(b) || (f.isInfinite(a) && f.isZero(b)) || (f.isZero(a) && f.isInfinite(b))) {
            return f.nan();
        }
        long sign = (a ^ b) & f.signBit();
        if (f.isInfinite(a) || f.isInfinite(b)) {
            return sign | f.infinity();
        }
        return sign | round(value(f, a).times(value(f, b)), f, mode);
    }

    static long fma(Format f, long a, long b, long c, Mode mode) {
        if (f.isNan(a) || f.isNan(b) || f.isNan(c) || (f.isInfinite(a) && f.isZero(b))
            || (f.isZero(a) && f.isInfinite(b))) {
            return f.nan();
        }
        boolean negative = f.isNegative(a) != f.isNegative(b);
        if (f.isInfinite(a) || f.isInfinite(b)) {
            long product = f.infinity() | (negative ? f.signBit() : 0);
            return f.isInfinite(c) && c != product ? f.nan() : product;
        }
        if (f.isInfinite(c)) {
            return c;
        }
        Rational product = value(f, a).times(value(f, b));
        Rational sum = product.plus(value(f, c));
        return sum.signum() == 0
            ? zeroSum(f, negative, f.isNegative(c), product.signum() == 0 && f.isZero(c), mode) : round(sum, f, mode);
    }

    static long divide(Format f, long a, long b, Mode mode) {
        if (f.isNan(a) || f.isNan(b) || (f.isInfinite(a) && f.isInfinite(b)) || (f.isZero(a) && f.isZero(b))) {
            return f.nan();
        }
        long sign = (a ^ b) & f.signBit();
        if (f.isInfinite(a) || f.isZero(b)) {
            return sign | f.infinity();
        }
        if (f.isInfinite(b)) {
            return sign;
        }
        return sign | round(value(f, a).over(value(f, b)), f, mode);
    }

    static long root(Format f, long a, Mode mode) {
        if (f.isNan(a) || (f.isNegative(a) && !f.isZero(a))) {
            return f.nan();
        }
        return f.isZero(a) || f.isInfinite(a) ? a : roundRoot(value(f, a), f, mode);
    }

    /** From one format to another. */
    static long convert(Format from, long bits, Format to, Mode mode) {
        if (from.isNan(bits)) {
            return to.nan();
        }
        long sign = from.isNegative(bits) ? to.signBit() : 0;
        return from.isInfinite(bits) ? sign | to.infinity() : sign | round(value(from, bits), to, mode);
    }
}
