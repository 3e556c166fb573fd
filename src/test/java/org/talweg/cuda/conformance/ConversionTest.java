package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.cuda.conformance.Exact.Format;
import org.talweg.cuda.conformance.Exact.Mode;
import org.talweg.cuda.conformance.Exact.Rational;

/** {@code cvt} in its modes, bit by bit against exact rational arithmetic. */
class ConversionTest {
    private static final int COUNT = 1024;
    private static final Mode[] MODES = {Mode.RN, Mode.RZ, Mode.RM, Mode.RP};

    private static Format format(String type) {
        return switch (type) {
            case "f16" -> Exact.F16;
            case "bf16" -> Exact.BF16;
            case "f32" -> Exact.F32;
            case "f64" -> Exact.F64;
            default -> null;
        };
    }

    private static int bits(String type) {
        return Integer.parseInt(type.replaceAll("\\D", ""));
    }

    /** Runs {@code instruction %d, %a} on values of a type's width, zero-extended to 64 bits on both sides. */
    private static long[] run(String instruction, String to, String from, long[] in) {
        String body = """
            .reg .b64 %%wide; .reg .b%1$d %%a; .reg .b%2$d %%d;
            ld.global.b%1$d %%a, [%%src];
            %3$s %%d, %%a;
            st.global.b%2$d [%%dst], %%d;
            """.formatted(Math.max(bits(from), 16), Math.max(bits(to), 16), instruction);
        return Ptx.kernel(body).launch(in.length / 128, 128).run(in, 1);
    }

    record FloatCase(String instruction, String to, String from, Mode mode, boolean ftz, String after) {
        @Override
        public String toString() {
            return instruction;
        }
    }

    static List<FloatCase> floats() {
        List<FloatCase> cases = new ArrayList<>();
        String[] types = {"f16", "bf16", "f32", "f64"};
        for (String from : types) {
            for (String to : types) {
                boolean narrows = bits(to) < bits(from) || (bits(to) == 16 && bits(from) == 16);
                if (to.equals(from) || !narrows) {
                    if (!to.equals(from)) {
                        cases.add(new FloatCase("cvt." + to + "." + from, to, from, Mode.RN, false, ""));
                        cases.add(new FloatCase("cvt.sat." + to + "." + from, to, from, Mode.RN, false, "sat"));
                    }
                    continue;
                }
                for (Mode mode : MODES) {
                    String name = "cvt." + mode.name().toLowerCase(Locale.ROOT);
                    String types2 = "." + to + "." + from;
                    cases.add(new FloatCase(name + types2, to, from, mode, false, ""));
                    if (from.equals("f32")) {
                        cases.add(new FloatCase(name + ".ftz" + types2, to, from, mode, true, ""));
                        cases.add(new FloatCase(name + ".relu" + types2, to, from, mode, false, "relu"));
                    }
                    cases.add(new FloatCase(name + ".sat" + types2, to, from, mode, false, "sat"));
                }
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("floats")
    void betweenFloats(FloatCase c) {
        Format from = format(c.from);
        Format to = format(c.to);
        long[][] operands = Operands.tuples(from, 1, COUNT, c.instruction.hashCode());
        nearBoundaries(operands, from, to);
        long[] in = new long[COUNT];
        for (int i = 0; i < COUNT; i++) {
            in[i] = operands[i][0];
        }
        long[] out = run(c.instruction, c.to, c.from, in);
        for (int i = 0; i < COUNT; i++) {
            long x = c.ftz && from == Exact.F32 ? from.flush(in[i]) : in[i];
            long expected = after(to, Exact.convert(from, x, to, c.mode), c.after);
            assertFloat(to, expected, out[i], c + " of " + Long.toHexString(in[i]));
        }
    }

    /** Values just beside what the narrower format holds, and beside the middle of two of them. */
    private static void nearBoundaries(long[][] operands, Format from, Format to) {
        int dropped = from.fractionBits() - to.fractionBits();
        if (dropped <= 0 || from.width() <= to.width()) {
            return;
        }
        SplittableRandom random = new SplittableRandom(dropped);
        for (int i = COUNT / 2; i < COUNT; i++) {
            int exponent = random.nextInt(1 - to.bias() - to.fractionBits() - 2, to.bias() + 2);
            int field = exponent + from.bias();
            if (field <= 0 || field >= 2 * from.bias()) {
                continue;
            }
            long fraction = random.nextLong() & (1L << from.fractionBits()) - 1;
            int cut = dropped + (exponent < 1 - to.bias() ? Math.min(1 - to.bias() - exponent, to.fractionBits()) : 0);
            long tie = fraction >>> cut << cut | (random.nextBoolean() ? 1L << (cut - 1) : 0);
            long pattern = (long) field << from.fractionBits() | tie;
            operands[i][0] = pattern + random.nextInt(-1, 2) | (random.nextBoolean() ? from.signBit() : 0);
        }
    }

    private static long after(Format f, long bits, String after) {
        long one = (long) f.bias() << f.fractionBits();
        return switch (after) {
            case "sat" -> f.isNan(bits) || f.isNegative(bits) ? 0 : Math.min(bits, one);
            case "relu" -> f.isNegative(bits) && !f.isNan(bits) ? 0 : bits;
            default -> bits;
        };
    }

    private static void assertFloat(Format f, long expected, long actual, String what) {
        if (f == Exact.F64 && f.isNan(expected)) {
            assertTrue(f.isNan(actual), what);
        } else {
            assertEquals(Long.toHexString(expected), Long.toHexString(actual), what);
        }
    }

    record IntegerCase(String to, String from, Mode mode) {
    }

    static List<IntegerCase> floatsToIntegers() {
        List<IntegerCase> cases = new ArrayList<>();
        for (String from : new String[] {"f16", "bf16", "f32", "f64"}) {
            for (String to : new String[] {"s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"}) {
                for (Mode mode : MODES) {
                    cases.add(new IntegerCase(to, from, mode));
                }
            }
        }
        return cases;
    }

    private static BigInteger integer(Rational x, Mode mode) {
        BigInteger[] parts = x.numerator().abs().divideAndRemainder(x.denominator());
        int tie = parts[1].shiftLeft(1).compareTo(x.denominator());
        boolean negative = x.signum() < 0;
        boolean inexact = parts[1].signum() != 0;
        boolean up = switch (mode) {
            case RN -> tie > 0 || (tie == 0 && parts[0].testBit(0));
            case RM -> negative && inexact;
            case RP -> !negative && inexact;
            default -> false;
        };
        BigInteger rounded = up ? parts[0].add(BigInteger.ONE) : parts[0];
        return negative ? rounded.negate() : rounded;
    }

    private static BigInteger low(String type) {
        return type.startsWith("u") ? BigInteger.ZERO : BigInteger.ONE.shiftLeft(bits(type) - 1).negate();
    }

    private static BigInteger high(String type) {
        return BigInteger.ONE.shiftLeft(type.startsWith("u") ? bits(type) : bits(type) - 1).subtract(BigInteger.ONE);
    }

    private static long masked(long value, int bits) {
        return bits == 64 ? value : value & (1L << bits) - 1;
    }

    @ParameterizedTest
    @MethodSource("floatsToIntegers")
    void floatToIntegerSaturates(IntegerCase c) {
        Format from = format(c.from);
        String instruction = "cvt." + c.mode.name().toLowerCase(Locale.ROOT) + "i." + c.to + "." + c.from;
        long[][] operands = Operands.tuples(from, 1, COUNT, instruction.hashCode());
        SplittableRandom random = new SplittableRandom(3);
        long[] in = new long[COUNT];
        for (int i = 0; i < COUNT; i++) {
            in[i] = operands[i][0];
            if (i % 2 == 1) {  // of a size that matters
                long exponent = Math.min(from.bias() + random.nextInt(-2, bits(c.to) + 2), 2L * from.bias());
                in[i] = in[i] & ~from.infinity() | exponent << from.fractionBits();
            }
        }
        long[] out = run(instruction, c.to, c.from, in);
        int width = Math.max(bits(c.to), 16);
        for (int i = 0; i < COUNT; i++) {
            long expected;
            if (from.isNan(in[i])) {
                expected = bits(c.to) == 64 ? 1L << 63 : 0;
            } else if (from.isInfinite(in[i])) {
                expected = (from.isNegative(in[i]) ? low(c.to) : high(c.to)).longValue();
            } else {
                expected = integer(Exact.value(from, in[i]), c.mode).max(low(c.to)).min(high(c.to)).longValue();
            }
            assertEquals(masked(expected, width), masked(out[i], width), instruction + " of " + Long.toHexString(in[i]));
        }
    }

    static List<IntegerCase> integersToFloats() {
        List<IntegerCase> cases = new ArrayList<>();
        for (String to : new String[] {"f16", "bf16", "f32", "f64"}) {
            for (String from : new String[] {"s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"}) {
                for (Mode mode : MODES) {
                    cases.add(new IntegerCase(to, from, mode));
                }
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("integersToFloats")
    void integerToFloatRoundsOnce(IntegerCase c) {
        Format to = format(c.to);
        String instruction = "cvt." + c.mode.name().toLowerCase(Locale.ROOT) + "." + c.to + "." + c.from;
        SplittableRandom random = new SplittableRandom(instruction.hashCode());
        int width = bits(c.from);
        long[] in = new long[COUNT];
        for (int i = 0; i < COUNT; i++) {
            long value = random.nextLong() >>> random.nextInt(64);
            if (i % 3 == 0) {  // beside the middle of two floats
                int length = 64 - Long.numberOfLeadingZeros(value);
                int cut = Math.max(length - to.fractionBits() - 2, 0);
                value = (value >>> cut << cut) + random.nextInt(-1, 2);
            }
            in[i] = masked(i % 2 == 0 ? value : -value, width);
        }
        in[0] = 0;
        in[1] = masked(-1, width);
        in[2] = masked(1L << (width - 1), width);
        long[] out = run(instruction, c.to, c.from, in);
        for (int i = 0; i < COUNT; i++) {
            long signed = c.from.startsWith("s") ? in[i] << (64 - width) >> (64 - width) : in[i];
            BigInteger value = BigInteger.valueOf(signed);
            if (c.from.equals("u64") && signed < 0) {
                value = value.add(BigInteger.ONE.shiftLeft(64));
            }
            assertFloat(to, Exact.round(Exact.value(value), to, c.mode), out[i], instruction + " of " + value);
        }
    }

    record PlainCase(String to, String from, boolean sat) {
    }

    static List<PlainCase> integers() {
        List<PlainCase> cases = new ArrayList<>();
        String[] types = {"s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64"};
        for (String to : types) {
            for (String from : types) {
                cases.add(new PlainCase(to, from, false));
                cases.add(new PlainCase(to, from, true));
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("integers")
    void betweenIntegers(PlainCase c) {
        String instruction = "cvt" + (c.sat ? ".sat." : ".") + c.to + "." + c.from;
        SplittableRandom random = new SplittableRandom(instruction.hashCode());
        long[] in = new long[256];
        int width = bits(c.from);
        for (int i = 0; i < in.length; i++) {
            in[i] = masked(i < 8 ? (i & 1) - (i >> 1 & 1) + (i >> 2 << (width - 1)) : random.nextLong() >> random.nextInt(64), width);
        }
        long[] out = run(instruction, c.to, c.from, in);
        int result = Math.max(bits(c.to), 16);
        for (int i = 0; i < in.length; i++) {
            long value = c.from.startsWith("s") ? in[i] << (64 - width) >> (64 - width) : in[i];
            BigInteger big = new BigInteger(c.from.equals("u64") ? Long.toUnsignedString(value) : Long.toString(value));
            long expected = c.sat ? big.max(low(c.to)).min(high(c.to)).longValue() : masked(value, bits(c.to));
            if (!c.sat && c.to.startsWith("s")) {
                expected = expected << (64 - bits(c.to)) >> (64 - bits(c.to));
            }
            assertEquals(masked(expected, result), masked(out[i], result), instruction + " of " + big);
        }
    }

    @ParameterizedTest
    @MethodSource("integralTypes")
    void toAnIntegralValueOfTheSameType(String type) {
        Format f = format(type);
        for (Mode mode : MODES) {
            String instruction = "cvt." + mode.name().toLowerCase(Locale.ROOT) + "i." + type + "." + type;
            long[] in = new long[COUNT];
            SplittableRandom random = new SplittableRandom(7);
            long[][] operands = Operands.tuples(f, 1, COUNT, 8);
            for (int i = 0; i < COUNT; i++) {
                long exponent = Math.min(f.bias() + random.nextInt(-3, f.fractionBits() + 3), 2L * f.bias());
                in[i] = i % 2 == 0 ? operands[i][0] : operands[i][0] & ~f.infinity() | exponent << f.fractionBits();
            }
            long[] out = run(instruction, type, type, in);
            for (int i = 0; i < COUNT; i++) {
                long expected = in[i];
                if (f.isNan(in[i])) {
                    expected = f.nan();
                } else if (!f.isInfinite(in[i])) {
                    BigInteger integer = integer(Exact.value(f, in[i]), mode);
                    expected = Exact.round(Exact.value(integer), f, Mode.RN) | in[i] & f.signBit();
                }
                assertFloat(f, expected, out[i], instruction + " of " + Long.toHexString(in[i]));
            }
        }
    }

    static String[] integralTypes() {
        return new String[] {"f16", "bf16", "f32", "f64"};
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void twoSinglesBecomeAPairWithTheFirstOnTop(String instruction) {
        Format f = instruction.contains("bf16x2") ? Exact.BF16 : Exact.F16;
        Mode mode = instruction.contains(".rz") ? Mode.RZ : Mode.RN;
        String after = instruction.contains(".relu") ? "relu" : "";
        long[][] operands = Operands.tuples(Exact.F32, 2, COUNT, instruction.hashCode());
        int[] in = new int[2 * COUNT];
        for (int i = 0; i < in.length; i++) {
            in[i] = (int) operands[i / 2][i % 2];
        }
        int[] out = Ptx.kernel("""
            .reg .f32 %a, %b; .reg .b32 %d;
            ld.global.v2.f32 {%a, %b}, [%src];
            """ + instruction + " %d, %a, %b; st.global.b32 [%dst], %d;").launch(COUNT / 128, 128).run(in, 1);
        for (int i = 0; i < COUNT; i++) {
            long upper = after(f, Exact.convert(Exact.F32, operands[i][0], f, mode), after);
            long lower = after(f, Exact.convert(Exact.F32, operands[i][1], f, mode), after);
            assertEquals(Integer.toHexString((int) (upper << 16 | lower)), Integer.toHexString(out[i]), instruction);
        }
    }

    static List<String> pairs() {
        List<String> cases = new ArrayList<>();
        for (String type : new String[] {"f16x2", "bf16x2"}) {
            for (String mode : new String[] {"rn", "rz", "rn.relu", "rz.relu"}) {
                cases.add("cvt." + mode + "." + type + ".f32");
            }
        }
        return cases;
    }

    @Test
    void tensorFloat() {
        for (Mode mode : new Mode[] {Mode.RNA, Mode.RN, Mode.RZ}) {
            String instruction = "cvt." + mode.name().toLowerCase(Locale.ROOT) + ".tf32.f32";
            long[][] operands = Operands.tuples(Exact.F32, 1, COUNT, 5);
            nearBoundaries(operands, Exact.F32, Exact.TF32);
            long[] in = new long[COUNT];
            for (int i = 0; i < COUNT; i++) {
                in[i] = i % 3 == 0 ? operands[i][0] & ~0xfffL : operands[i][0];
            }
            long[] out = run(instruction, "b32", "f32", in);
            for (int i = 0; i < COUNT; i++) {
                long expected = Exact.F32.isNan(in[i]) ? Exact.F32.nan()
                    : Exact.convert(Exact.F32, in[i], Exact.TF32, mode) << 13;
                assertEquals(Long.toHexString(expected), Long.toHexString(out[i]), instruction + " of " + Long.toHexString(in[i]));
            }
        }
    }

    @Test
    void eightBitFloatsSaturateAndComeBackExactly() {
        for (boolean e4m3 : new boolean[] {true, false}) {
            String type = e4m3 ? "e4m3x2" : "e5m2x2";
            // Its 256 values, exactly, as half precision.
            int[] codes = new int[256];
            for (int i = 0; i < 256; i++) {
                codes[i] = i | i << 8;
            }
            int[] halves = Ptx.kernel("""
                .reg .b32 %d; .reg .b16 %a;
                ld.global.b16 %a, [%src]; cvt.rn.f16x2.""" + type + " %d, %a; st.global.b32 [%dst], %d;")
                .launch(8, 32).run(codes, 1);
            for (int i = 0; i < 256; i++) {
                double expected = eightBit(i, e4m3);
                assertEquals(halves[i] & 0xffff, halves[i] >>> 16);
                double actual = Exact.F16.isNan(halves[i] & 0xffff) ? Double.NaN
                    : Exact.F16.isInfinite(halves[i] & 0xffff) ? Double.POSITIVE_INFINITY * ((halves[i] & 0x8000) != 0 ? -1 : 1)
                    : rational(Exact.value(Exact.F16, halves[i] & 0xffff), (halves[i] & 0x8000) != 0);
                assertEquals(expected, actual, type + " " + i);
            }
            // Any float rounds to the nearest of them, and to the largest beyond.
            int[] in = new int[COUNT];
            SplittableRandom random = new SplittableRandom(9);
            for (int i = 0; i < COUNT; i++) {
                in[i] = i < 32 ? (int) Operands.specials(Exact.F32)[i]
                    : Float.floatToRawIntBits((float) (random.nextGaussian() * Math.pow(2, random.nextInt(-12, 18))));
            }
            int[] out = Ptx.kernel("""
                .reg .b16 %d; .reg .f32 %a;
                ld.global.f32 %a, [%src]; cvt.rn.satfinite.""" + type + ".f32 %d, %a, 0f3F800000; st.global.b16 [%dst], %d;")
                .launch(COUNT / 128, 128).run(in, 1);
            int one = e4m3 ? 0x38 : 0x3c;
            for (int i = 0; i < COUNT; i++) {
                assertEquals(one, out[i] & 0xff);
                assertEquals(nearest(Float.intBitsToFloat(in[i]), e4m3), out[i] >>> 8 & 0xff, type + " of " + Float.intBitsToFloat(in[i]));
            }
        }
    }

    private static double rational(Rational x, boolean negative) {
        double value = x.numerator().doubleValue() / x.denominator().doubleValue();
        return x.signum() == 0 && negative ? -0.0 : value;
    }

    private static double eightBit(int code, boolean e4m3) {
        int fractionBits = e4m3 ? 3 : 2;
        int exponent = (code & 0x7f) >> fractionBits;
        int fraction = code & (1 << fractionBits) - 1;
        int bias = e4m3 ? 7 : 15;
        double magnitude;
        if (e4m3 ? (code & 0x7f) == 0x7f : exponent == 31 && fraction != 0) {
            return Double.NaN;
        } else if (!e4m3 && exponent == 31) {
            magnitude = Double.POSITIVE_INFINITY;
        } else {
            magnitude = exponent == 0 ? Math.scalb((double) fraction, 1 - bias - fractionBits)
                : Math.scalb((double) (fraction + (1 << fractionBits)), exponent - bias - fractionBits);
        }
        return (code & 0x80) != 0 ? -magnitude : magnitude;
    }

    private static int nearest(float x, boolean e4m3) {
        if (Float.isNaN(x)) {
            return 0x7f;
        }
        int largest = e4m3 ? 0x7e : 0x7b;
        int best = 0;
        double magnitude = Math.abs((double) x);
        for (int code = 0; code <= largest; code++) {
            double distance = Math.abs(eightBit(code, e4m3) - magnitude);
            double bestDistance = Math.abs(eightBit(best, e4m3) - magnitude);
            if (distance < bestDistance || (distance == bestDistance && (code & 1) == 0)) {
                best = code;
            }
        }
        int code = magnitude >= eightBit(largest, e4m3) ? largest : best;
        return Float.floatToRawIntBits(x) < 0 ? code | 0x80 : code;
    }

    @Test
    void integersArePackedWithSaturation() {
        int[] in = {70000, -70000, 5, -3, 300, -300, 127, -128};
        int[] out = Ptx.kernel("""
            .reg .b32 %a, %b, %d;
            ld.global.v2.b32 {%a, %b}, [%src];
            cvt.pack.sat.s16.s32 %d, %a, %b;           st.global.b32 [%dst], %d;
            cvt.pack.sat.u16.s32 %d, %a, %b;           st.global.b32 [%dst+4], %d;
            cvt.pack.sat.s8.s32.b32 %d, %a, %b, 0x12345678; st.global.b32 [%dst+8], %d;
            cvt.pack.sat.u8.s32.b32 %d, %a, %b, 0;     st.global.b32 [%dst+12], %d;
            """).launch(1, 4).run(in, 4);
        int[] expected = {0x7fff8000, 0xffff0000, 0x56787f80, 0xff00, 0x0005fffd, 0x00050000, 0x567805fd, 0x0500,
            0x012cfed4, 0x012c0000, 0x56787f80, 0xff00, 0x007fff80, 0x007f0000, 0x56787f80, 0x7f00};
        for (int i = 0; i < expected.length; i++) {
            assertEquals(Integer.toHexString(expected[i]), Integer.toHexString(out[i]), "result " + i);
        }
    }
}
