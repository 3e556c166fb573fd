package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.conformance.Exact.Format;

/** Floating-point instructions that do not round, and those that are only approximate. */
class FloatMiscTest {
    private static final int COUNT = 2048;

    private static Format format(String type) {
        return switch (type) {
            case "f16", "f16x2" -> Exact.F16;
            case "bf16", "bf16x2" -> Exact.BF16;
            case "f32" -> Exact.F32;
            default -> Exact.F64;
        };
    }

    private static int registerBits(String type) {
        return type.endsWith("x2") ? 32 : format(type).width();
    }

    /** Runs a body whose operands are %a and %b, of a type, and whose result %d has {@code bits}. */
    private static long[] run(String body, String type, int bits, long[][] operands) {
        long[] in = new long[2 * operands.length];
        for (int i = 0; i < in.length; i++) {
            in[i] = operands[i / 2][i % 2];
        }
        return Ptx.kernel("""
            .reg .b%1$d %%a, %%b; .reg .b%2$d %%d; .reg .pred %%p, %%q; .reg .b32 %%x;
            ld.global.b%1$d %%a, [%%src]; ld.global.b%1$d %%b, [%%src+8];
            %3$s
            st.global.b%2$d [%%dst], %%d;
            """.formatted(registerBits(type), bits, body)).launch(operands.length / 128, 128).run(in, 1);
    }

    private static long[][] operands(String type) {
        Format f = format(type);
        long[][] tuples = Operands.tuples(f, 2, COUNT, type.hashCode());
        for (int i = 0; i < COUNT; i += 7) {
            tuples[i][1] = tuples[i][0];
        }
        if (type.endsWith("x2")) {
            for (int i = 0; i < COUNT; i++) {
                for (int j = 0; j < 2; j++) {
                    tuples[i][j] |= tuples[(i * 31 + 7) % COUNT][j] << 16 & 0xffff0000L;
                }
            }
        }
        return tuples;
    }

    static String[] types() {
        return new String[] {"f16", "bf16", "f32", "f64", "f16x2", "bf16x2"};
    }

    private static int compare(Format f, long a, long b) {
        if (f.isZero(a) && f.isZero(b)) {
            return 0;
        }
        long x = f.isNegative(a) ? -f.magnitude(a) : f.magnitude(a);
        long y = f.isNegative(b) ? -f.magnitude(b) : f.magnitude(b);
        return Long.compare(x, y);
    }

    private static long extremum(Format f, long a, long b, boolean min, boolean nan) {
        if (f.isNan(a) || f.isNan(b)) {
            return nan || (f.isNan(a) && f.isNan(b)) ? f.nan() : f.isNan(a) ? b : a;
        }
        int order = compare(f, a, b);
        if (order == 0) {
            order = f.isNegative(a) == f.isNegative(b) ? 0 : f.isNegative(a) ? -1 : 1;
        }
        return order < 0 == min ? a : b;
    }

    interface OnElement {
        long apply(Format f, long a, long b);
    }

    private static long onElements(String type, long a, long b, OnElement operation) {
        Format f = format(type);
        if (!type.endsWith("x2")) {
            return operation.apply(f, a, b);
        }
        return operation.apply(f, a & 0xffff, b & 0xffff) | operation.apply(f, a >>> 16 & 0xffff, b >>> 16 & 0xffff) << 16;
    }

    private static void assertSame(String type, long expected, long actual, String what) {
        if (type.equals("f64") && Exact.F64.isNan(expected)) {
            assertTrue(Exact.F64.isNan(actual), what);
        } else {
            assertEquals(Long.toHexString(expected), Long.toHexString(actual), what);
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    void minAndMaxOrderZerosAndTreatNanAsTheySay(String type) {
        long[][] operands = operands(type);
        for (boolean min : new boolean[] {true, false}) {
            for (String modifier : type.equals("f64") ? new String[] {""} : type.startsWith("bf") ? new String[] {"", ".NaN"}
                : new String[] {"", ".NaN", ".ftz", ".ftz.NaN"}) {
                String instruction = (min ? "min" : "max") + modifier + "." + type;
                long[] out = run(instruction + " %d, %a, %b;", type, registerBits(type), operands);
                for (int i = 0; i < COUNT; i++) {
                    long expected = onElements(type, operands[i][0], operands[i][1], (f, a, b) -> modifier.startsWith(".ftz")
                        ? extremum(f, f.flush(a), f.flush(b), min, modifier.endsWith(".NaN"))
                        : extremum(f, a, b, min, modifier.endsWith(".NaN")));
                    assertSame(type, expected, out[i], instruction + " of " + Long.toHexString(operands[i][0]) + ", " + Long.toHexString(operands[i][1]));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"f16", "f16x2", "bf16", "bf16x2"})
    void minAndMaxOfMagnitudesWithTheSignsMultiplied(String type) {
        long[][] operands = operands(type);
        for (boolean min : new boolean[] {true, false}) {
            String instruction = (min ? "min" : "max") + ".xorsign.abs." + type;
            long[] out = run(instruction + " %d, %a, %b;", type, registerBits(type), operands);
            for (int i = 0; i < COUNT; i++) {
                long expected = onElements(type, operands[i][0], operands[i][1], (f, a, b) -> {
                    long magnitude = extremum(f, f.magnitude(a), f.magnitude(b), min, false);
                    return f.isNan(a) || f.isNan(b) ? magnitude : magnitude | (a ^ b) & f.signBit();
                });
                assertSame(type, expected, out[i], instruction + " of " + Long.toHexString(operands[i][0]) + ", " + Long.toHexString(operands[i][1]));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    void negAndAbsTouchTheSignAlone(String type) {
        long[][] operands = operands(type);
        for (String ftz : type.equals("f64") || type.startsWith("bf") ? new String[] {""} : new String[] {"", ".ftz"}) {
            long[] negated = run("neg" + ftz + "." + type + " %d, %a;", type, registerBits(type), operands);
            long[] absolute = run("abs" + ftz + "." + type + " %d, %a;", type, registerBits(type), operands);
            for (int i = 0; i < COUNT; i++) {
                assertEquals(onElements(type, operands[i][0], 0, (f, a, b) -> (ftz.isEmpty() ? a : f.flush(a)) ^ f.signBit()), negated[i]);
                assertEquals(onElements(type, operands[i][0], 0, (f, a, b) -> f.magnitude(ftz.isEmpty() ? a : f.flush(a))), absolute[i]);
            }
        }
    }

    private static final String[] COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};

    private static boolean holds(int comparison, Format f, long a, long b) {
        boolean unordered = f.isNan(a) || f.isNan(b);
        int order = unordered ? 0 : compare(f, a, b);
        boolean[] ordered = {order == 0, order != 0, order < 0, order <= 0, order > 0, order >= 0};
        return comparison < 6 ? !unordered && ordered[comparison] : comparison < 12 ? unordered || ordered[comparison - 6]
            : comparison == 12 ? !unordered : unordered;
    }

    @ParameterizedTest
    @MethodSource("types")
    void comparisonsKnowTheUnordered(String type) {
        long[][] operands = operands(type);
        boolean pair = type.endsWith("x2");
        for (int k = 0; k < COMPARISONS.length; k++) {
            String name = COMPARISONS[k] + "." + type;
            long[] out = run("setp." + name + " %p|%q, %a, %b; selp.b32 %x, 1, 0, %p; selp.b32 %d, 2, 0, %q; or.b32 %d, %d, %x;",
                type, 32, operands);
            int comparison = k;
            for (int i = 0; i < COUNT; i++) {
                Format f = format(type);
                long mask = pair ? 0xffff : -1L;
                boolean p = holds(comparison, f, operands[i][0] & mask, operands[i][1] & mask);
                boolean q = pair ? holds(comparison, f, operands[i][0] >>> 16, operands[i][1] >>> 16) : !p;
                assertEquals((p ? 1 : 0) | (q ? 2 : 0), out[i], "setp." + name);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    void setGivesOnesOfItsType(String type) {
        long[][] operands = operands(type);
        boolean pair = type.endsWith("x2");
        String[] targets = pair ? new String[] {type, "u32"} : type.equals("f16") || type.equals("bf16") ? new String[] {type, "u16", "u32", "f32"}
            : new String[] {"u32", "s32", "f32"};
        for (String to : targets) {
            int bits = to.equals("f16") || to.equals("bf16") || to.equals("u16") ? 16 : 32;
            long[] out = run("set.ltu." + to + "." + type + " %d, %a, %b;", type, bits, operands);
            for (int i = 0; i < COUNT; i++) {
                long expected = onElements(type, operands[i][0], operands[i][1], (f, a, b) -> {
                    long one = to.startsWith("f16") ? 0x3c00 : to.startsWith("bf16") ? 0x3f80 : to.equals("f32") ? 0x3f800000L
                        : pair || bits == 16 ? 0xffff : 0xffffffffL;
                    return holds(8, f, a, b) ? one : 0;
                });
                assertEquals(expected, out[i], "set.ltu." + to + "." + type);
            }
        }
    }

    @Test
    void comparisonsFlushSubnormalsWhenAsked() {
        int[] in = {1, 0, 0x80000001, 1};
        int[] out = Ptx.kernel("""
            .reg .f32 %a, %b; .reg .pred %p; .reg .b32 %d;
            ld.global.v2.f32 {%a, %b}, [%src];
            setp.eq.f32 %p, %a, %b;     selp.b32 %d, 1, 0, %p; st.global.b32 [%dst], %d;
            setp.eq.ftz.f32 %p, %a, %b; selp.b32 %d, 1, 0, %p; st.global.b32 [%dst+4], %d;
            """).launch(1, 2).run(in, 2);
        assertEquals("[0, 1, 0, 1]", java.util.Arrays.toString(out));
    }

    @ParameterizedTest
    @ValueSource(strings = {"f32", "f64"})
    void testpAndCopysign(String type) {
        Format f = format(type);
        long[][] operands = operands(type);
        String[] properties = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
        for (int k = 0; k < properties.length; k++) {
            long[] out = run("testp." + properties[k] + "." + type + " %p, %a; selp.b32 %d, 1, 0, %p;", type, 32, operands);
            for (int i = 0; i < COUNT; i++) {
                long a = operands[i][0];
                boolean finite = f.magnitude(a) < f.infinity();
                boolean subnormal = finite && f.magnitude(a) < 1L << f.fractionBits() && !f.isZero(a);
                boolean[] is = {finite, f.isInfinite(a), !f.isNan(a), f.isNan(a), finite && !subnormal, subnormal};
                assertEquals(is[k] ? 1 : 0, out[i], "testp." + properties[k] + " of " + Long.toHexString(a));
            }
        }
        long[] out = run("copysign." + type + " %d, %a, %b;", type, registerBits(type), operands);
        for (int i = 0; i < COUNT; i++) {
            assertEquals(f.magnitude(operands[i][1]) | operands[i][0] & f.signBit(), out[i]);
        }
    }

    /** An approximate instruction: its exact value and the documented bound on the error. */
    record Approximate(String instruction, DoubleUnaryOperator exact, java.util.function.DoubleBinaryOperator bound, double low,
                       double high) {
        @Override
        public String toString() {
            return instruction;
        }
    }

    private static double ulp(double value) {
        return Math.max(Math.ulp((float) value), Float.MIN_VALUE);
    }

    static List<Approximate> approximate() {
        List<Approximate> all = new ArrayList<>();
        for (String ftz : new String[] {"", ".ftz"}) {
            all.add(new Approximate("ex2.approx" + ftz + ".f32", x -> Math.pow(2, x), (x, y) -> 0x1p-22 * y + Float.MIN_VALUE, -120, 127));
            all.add(new Approximate("lg2.approx" + ftz + ".f32", x -> log2(x), (x, y) -> 0x1p-22 * (x > 0.5 && x < 2 ? 1 : Math.abs(y)), 1e-30, 1e30));
            all.add(new Approximate("lg2.approx" + ftz + ".f32", x -> log2(x), (x, y) -> 0x1p-22 * (x > 0.5 && x < 2 ? 1 : Math.abs(y)), 0.4, 2.2));
            all.add(new Approximate("rcp.approx" + ftz + ".f32", x -> 1 / x, (x, y) -> ulp(y), -1e30, 1e30));
            all.add(new Approximate("sqrt.approx" + ftz + ".f32", Math::sqrt, (x, y) -> 0x1p-23 * y, 1e-30, 1e30));
            all.add(new Approximate("rsqrt.approx" + ftz + ".f32", x -> 1 / Math.sqrt(x), (x, y) -> Math.pow(2, -22.9) * y, 1e-30, 1e30));
            all.add(new Approximate("sin.approx" + ftz + ".f32", StrictMath::sin, (x, y) -> Math.pow(2, -20.5), -6.28, 6.28));
            all.add(new Approximate("cos.approx" + ftz + ".f32", StrictMath::cos, (x, y) -> Math.pow(2, -20.5), -6.28, 6.28));
            all.add(new Approximate("sin.approx" + ftz + ".f32", StrictMath::sin, (x, y) -> Math.pow(2, -14.7), -300, 300));
        }
        all.add(new Approximate("tanh.approx.f32", StrictMath::tanh, (x, y) -> 0x1p-11 * Math.abs(y), -9, 9));
        return all;
    }

    private static double log2(double x) {
        return StrictMath.log(x) / StrictMath.log(2);
    }

    private static float[] spread(double low, double high, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[COUNT];
        for (int i = 0; i < COUNT; i++) {
            boolean wide = low > 0 && high / low > 1e6;
            values[i] = (float) (wide ? Math.pow(10, Math.log10(low) + random.nextDouble() * (Math.log10(high) - Math.log10(low)))
                : low + random.nextDouble() * (high - low));
        }
        return values;
    }

    @ParameterizedTest
    @MethodSource("approximate")
    void approximationsStayWithinTheirBounds(Approximate a) {
        float[] values = spread(a.low, a.high, a.instruction.hashCode());
        int[] in = new int[COUNT];
        for (int i = 0; i < COUNT; i++) {
            in[i] = Float.floatToRawIntBits(values[i]);
        }
        Ptx kernel = Ptx.kernel(".reg .f32 %a, %d; ld.global.f32 %a, [%src]; " + a.instruction + " %d, %a; st.global.f32 [%dst], %d;")
            .launch(COUNT / 128, 128);
        int[] best = kernel.run(in, 1);
        int different = 0;
        for (long seed = 0; seed < 4; seed++) {
            int[] out;
            try {
                SoftwareDriver.approximationSeed(seed);
                out = kernel.run(in, 1);
                assertEquals(java.util.Arrays.toString(out), java.util.Arrays.toString(kernel.run(in, 1)), "not the same twice");
            } finally {
                SoftwareDriver.approximationSeed(0);
            }
            for (int i = 0; i < COUNT; i++) {
                double exact = a.exact.applyAsDouble(values[i]);
                double error = Math.abs(Float.intBitsToFloat(out[i]) - exact);
                assertTrue(error <= a.bound.applyAsDouble(values[i], exact) * (1 + 1e-9),
                    a + " of " + values[i] + " with seed " + seed + " is off by " + error);
                different += out[i] != best[i] ? 1 : 0;
            }
        }
        assertTrue(different > COUNT / 4, "the perturbed mode hardly moves anything: " + different);
    }

    /** CUDA's own expm1f is within its documented 1 ULP only if they are. */
    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 3})
    void powersOfTwoAreExact(long seed) {
        int[] in = new int[256];
        for (int i = 0; i < in.length; i++) {
            in[i] = Float.floatToRawIntBits(i - 126f);
        }
        try {
            SoftwareDriver.approximationSeed(seed);
            for (String ftz : List.of("", ".ftz")) {
                int[] out = Ptx.kernel(".reg .f32 %a, %d; ld.global.f32 %a, [%src]; ex2.approx" + ftz
                    + ".f32 %d, %a; st.global.f32 [%dst], %d;").launch(2, 128).run(in, 1);
                for (int i = 0; i < in.length; i++) {
                    assertEquals((float) Math.pow(2, i - 126), Float.intBitsToFloat(out[i]), "2^" + (i - 126));
                }
            }
        } finally {
            SoftwareDriver.approximationSeed(0);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"div.full.f32", "div.full.ftz.f32", "div.approx.f32", "div.approx.ftz.f32"})
    void approximateDivision(String instruction) {
        float[] a = spread(-1e15, 1e15, 1);
        float[] b = spread(1e-15, 1e15, 2);
        int[] in = new int[2 * COUNT];
        for (int i = 0; i < COUNT; i++) {
            in[2 * i] = Float.floatToRawIntBits(a[i]);
            in[2 * i + 1] = Float.floatToRawIntBits(b[i]);
        }
        Ptx kernel = Ptx.kernel(".reg .f32 %a, %b, %d; ld.global.v2.f32 {%a, %b}, [%src]; " + instruction + " %d, %a, %b; st.global.f32 [%dst], %d;")
            .launch(COUNT / 128, 128);
        for (long seed = 0; seed < 3; seed++) {
            try {
                SoftwareDriver.approximationSeed(seed);
                int[] out = kernel.run(in, 1);
                for (int i = 0; i < COUNT; i++) {
                    double exact = (double) a[i] / b[i];
                    assertTrue(Math.abs(Float.intBitsToFloat(out[i]) - exact) <= 2 * ulp(exact), instruction + " of " + a[i] + ", " + b[i]);
                }
            } finally {
                SoftwareDriver.approximationSeed(0);
            }
        }
    }

    @Test
    void approximationsOfSpecialValues() {
        int[] in = {0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xbf800000, 1, 0x7f7fffff};
        String[] instructions = {"ex2.approx.f32", "lg2.approx.f32", "rcp.approx.f32", "sqrt.approx.f32", "rsqrt.approx.f32", "rcp.approx.ftz.f32", "lg2.approx.ftz.f32"};
        String[][] expected = {
            {"3f800000", "3f800000", "7f800000", "0", "7fffffff", "3f000000", "3f800000", "7f800000"},
            {"ff800000", "ff800000", "7f800000", "7fffffff", "7fffffff", "7fffffff", "c3150000", "43000000"},
            {"7f800000", "ff800000", "0", "80000000", "7fffffff", "bf800000", "7f800000", "200000"},
            {"0", "80000000", "7f800000", "7fffffff", "7fffffff", "7fffffff", "1a3504f3", "5f7fffff"},
            {"7f800000", "ff800000", "0", "7fffffff", "7fffffff", "7fffffff", "64b504f3", "1f800000"},
            {"7f800000", "ff800000", "0", "80000000", "7fffffff", "bf800000", "7f800000", "0"},
            {"ff800000", "ff800000", "7f800000", "7fffffff", "7fffffff", "7fffffff", "ff800000", "43000000"}};
        for (int k = 0; k < instructions.length; k++) {
            int[] out = Ptx.kernel(".reg .f32 %a, %d; ld.global.f32 %a, [%src]; " + instructions[k] + " %d, %a; st.global.f32 [%dst], %d;")
                .launch(1, in.length).run(in, 1);
            for (int i = 0; i < in.length; i++) {
                assertEquals(expected[k][i], Integer.toHexString(out[i]), instructions[k] + " of " + Integer.toHexString(in[i]));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ex2.approx.f16", "ex2.approx.f16x2", "ex2.approx.ftz.bf16", "ex2.approx.ftz.bf16x2", "tanh.approx.f16", "tanh.approx.f16x2", "tanh.approx.bf16", "tanh.approx.bf16x2"})
    void approximationsOfHalfPrecision(String instruction) {
        Format f = instruction.contains("bf16") ? Exact.BF16 : Exact.F16;
        boolean ex2 = instruction.startsWith("ex2");
        boolean pair = instruction.endsWith("x2");
        double relative = ex2 ? (f == Exact.F16 ? Math.pow(2, -9.9) : 0x1p-7) : f == Exact.F16 ? Math.pow(2, -10.987) : 0x1p-8;
        float[] values = spread(-6, 6, 3);
        int[] in = new int[COUNT];
        for (int i = 0; i < COUNT; i++) {
            long bits = Exact.convert(Exact.F32, Float.floatToRawIntBits(values[i]) & 0xffffffffL, f, Exact.Mode.RN);
            in[i] = (int) (bits | (pair ? bits << 16 : 0));
        }
        String width = pair ? "b32" : "b16";
        Ptx kernel = Ptx.kernel(".reg ." + width + " %a, %d; ld.global." + width + " %a, [%src]; " + instruction + " %d, %a; st.global." + width + " [%dst], %d;")
            .launch(COUNT / 128, 128);
        for (long seed = 0; seed < 3; seed++) {
            try {
                SoftwareDriver.approximationSeed(seed);
                int[] out = kernel.run(in, 1);
                for (int i = 0; i < COUNT; i++) {
                    double x = value(f, in[i] & 0xffff);
                    double exact = ex2 ? Math.pow(2, x) : StrictMath.tanh(x);
                    for (int e = 0; e < (pair ? 2 : 1); e++) {
                        double error = Math.abs(value(f, out[i] >>> (16 * e) & 0xffff) - exact);
                        assertTrue(error <= relative * Math.max(Math.abs(exact), ex2 ? 0 : 1), instruction + " of " + x + " is off by " + error);
                    }
                }
            } finally {
                SoftwareDriver.approximationSeed(0);
            }
        }
    }

    private static double value(Format f, long bits) {
        Exact.Rational x = Exact.value(f, bits);
        return new BigDecimal(x.numerator()).divide(new BigDecimal(x.denominator()), MathContext.DECIMAL64).doubleValue();
    }

    @Test
    void approximationsOfDoublePrecision() {
        long[] in = new long[256];
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < in.length; i++) {
            in[i] = Double.doubleToRawLongBits(Math.pow(10, random.nextInt(-100, 100)) * (1 + random.nextDouble()));
        }
        String[] instructions = {"rcp.approx.ftz.f64", "rsqrt.approx.ftz.f64", "rsqrt.approx.f64"};
        for (int k = 0; k < 3; k++) {
            Ptx kernel = Ptx.kernel(".reg .f64 %a, %d; ld.global.f64 %a, [%src]; " + instructions[k] + " %d, %a; st.global.f64 [%dst], %d;").launch(2, 128);
            for (long seed = 0; seed < 3; seed++) {
                try {
                    SoftwareDriver.approximationSeed(seed);
                    long[] out = kernel.run(in, 1);
                    for (int i = 0; i < in.length; i++) {
                        double x = Double.longBitsToDouble(in[i]);
                        double exact = k == 0 ? 1 / x : 1 / Math.sqrt(x);
                        double error = Math.abs(Double.longBitsToDouble(out[i]) - exact) / exact;
                        assertTrue(error < (k == 2 ? 0x1p-51 : 0x1p-18), instructions[k] + " of " + x + " is off by " + error);
                        assertTrue(k == 2 || (out[i] & 0xffffffffL) == 0, "the lower half is zero");
                    }
                } finally {
                    SoftwareDriver.approximationSeed(0);
                }
            }
        }
    }
}
