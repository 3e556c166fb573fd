package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.cuda.conformance.Exact.Format;
import org.talweg.cuda.conformance.Exact.Mode;

/** Arithmetic that IEEE 754 defines, bit by bit against exact rational arithmetic. */
class FloatArithmeticTest {
    private static final int COUNT = 4096;

    interface Operation {
        long apply(Format f, long[] x, Mode mode);
    }

    record Case(String instruction, Format format, int arity, Mode mode, boolean ftz, String after, Operation operation) {
        @Override
        public String toString() {
            return instruction;
        }
    }

    static List<Case> single() {
        List<Case> cases = new ArrayList<>();
        for (Mode mode : new Mode[] {Mode.RN, Mode.RZ, Mode.RM, Mode.RP}) {
            String rounding = "." + mode.name().toLowerCase();
            for (String type : new String[] {".f32", ".ftz.f32", ".sat.f32", ".f64"}) {
                Format f = type.equals(".f64") ? Exact.F64 : Exact.F32;
                boolean ftz = type.startsWith(".ftz");
                String after = type.startsWith(".sat") ? "sat" : "";
                String suffix = rounding + type;
                cases.add(new Case("add" + suffix, f, 2, mode, ftz, after, (g, x, m) -> Exact.add(g, x[0], x[1], m)));
                cases.add(new Case("sub" + suffix, f, 2, mode, ftz, after,
                    (g, x, m) -> Exact.add(g, x[0], Exact.negate(g, x[1]), m)));
                cases.add(new Case("mul" + suffix, f, 2, mode, ftz, after, (g, x, m) -> Exact.multiply(g, x[0], x[1], m)));
                cases.add(new Case("fma" + suffix, f, 3, mode, ftz, after,
                    (g, x, m) -> Exact.fma(g, x[0], x[1], x[2], m)));
                if (!after.isEmpty()) {
                    continue;
                }
                long one = (long) f.bias() << f.fractionBits();
                cases.add(new Case("div" + suffix, f, 2, mode, ftz, after, (g, x, m) -> Exact.divide(g, x[0], x[1], m)));
                cases.add(new Case("rcp" + suffix, f, 1, mode, ftz, after, (g, x, m) -> Exact.divide(g, one, x[0], m)));
                cases.add(new Case("sqrt" + suffix, f, 1, mode, ftz, after, (g, x, m) -> Exact.root(g, x[0], m)));
            }
        }
        return cases;
    }

    static List<Case> narrow() {
        List<Case> cases = new ArrayList<>();
        for (String type : new String[] {".f16", ".f16x2", ".bf16", ".bf16x2"}) {
            Format f = type.startsWith(".f16") ? Exact.F16 : Exact.BF16;
            for (String modifier : f == Exact.F16 ? new String[] {"", ".ftz", ".sat", ".ftz.sat"} : new String[] {""}) {
                boolean ftz = modifier.startsWith(".ftz");
                String after = modifier.endsWith(".sat") ? "sat" : "";
                for (String rounding : modifier.isEmpty() ? new String[] {"", ".rn"} : new String[] {""}) {
                    String suffix = rounding + modifier + type;
                    cases.add(new Case("add" + suffix, f, 2, Mode.RN, ftz, after,
                        (g, x, m) -> Exact.add(g, x[0], x[1], m)));
                    cases.add(new Case("sub" + suffix, f, 2, Mode.RN, ftz, after,
                        (g, x, m) -> Exact.add(g, x[0], Exact.negate(g, x[1]), m)));
                    cases.add(new Case("mul" + suffix, f, 2, Mode.RN, ftz, after,
                        (g, x, m) -> Exact.multiply(g, x[0], x[1], m)));
                }
                cases.add(new Case("fma.rn" + modifier + type, f, 3, Mode.RN, ftz, after,
                    (g, x, m) -> Exact.fma(g, x[0], x[1], x[2], m)));
                if (after.isEmpty()) {
                    cases.add(new Case("fma.rn" + modifier + ".relu" + type, f, 3, Mode.RN, ftz, "relu",
                        (g, x, m) -> Exact.fma(g, x[0], x[1], x[2], m)));
                }
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("single")
    void singleAndDoublePrecision(Case c) {
        long[][] tuples = Operands.tuples(c.format, c.arity, COUNT, c.instruction.hashCode());
        boolean wide = c.format == Exact.F64;
        String type = wide ? "f64" : "f32";
        int bytes = wide ? 8 : 4;
        StringBuilder body = new StringBuilder(".reg ." + type + " %a, %b, %c, %d;\n");
        String[] names = {"%a", "%b", "%c"};
        for (int i = 0; i < c.arity; i++) {
            body.append("ld.global.%s %s, [%%src+%d];%n".formatted(type, names[i], i * bytes));
        }
        body.append(c.instruction + " %d, " + String.join(", ", List.of(names).subList(0, c.arity)) + ";\n");
        body.append("st.global." + type + " [%dst], %d;");
        Ptx kernel = Ptx.kernel(body.toString()).launch(COUNT / 256, 256);
        long[] flat = new long[COUNT * c.arity];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = tuples[i / c.arity][i % c.arity];
        }
        long[] results = wide ? kernel.run(flat, 1) : widened(kernel.run(narrowed(flat), 1));
        for (int i = 0; i < COUNT; i++) {
            check(c, tuples[i], results[i]);
        }
    }

    @ParameterizedTest
    @MethodSource("narrow")
    void halfPrecisionAndBfloat(Case c) {
        boolean pair = c.instruction.endsWith("x2");
        int elements = pair ? 2 : 1;
        long[][] tuples = Operands.tuples(c.format, c.arity, COUNT * elements, c.instruction.hashCode());
        String type = pair ? "b32" : "b16";
        StringBuilder body = new StringBuilder(".reg ." + type + " %a, %b, %c, %d;\n");
        String[] names = {"%a", "%b", "%c"};
        for (int i = 0; i < c.arity; i++) {
            body.append("ld.global.%s %s, [%%src+%d];%n".formatted(type, names[i], 4 * i));
        }
        body.append(c.instruction + " %d, " + String.join(", ", List.of(names).subList(0, c.arity)) + ";\n");
        body.append("st.global." + type + " [%dst], %d;");
        int[] in = new int[COUNT * c.arity];
        for (int i = 0; i < COUNT; i++) {
            for (int j = 0; j < c.arity; j++) {
                long word = tuples[i * elements][j];
                in[i * c.arity + j] = (int) (pair ? word | tuples[2 * i + 1][j] << 16 : word);
            }
        }
        int[] out = Ptx.kernel(body.toString()).launch(COUNT / 256, 256).run(in, 1);
        for (int i = 0; i < COUNT; i++) {
            for (int e = 0; e < elements; e++) {
                check(c, tuples[i * elements + e], out[i] >>> (16 * e) & 0xffff);
            }
        }
    }

    private static void check(Case c, long[] operands, long actual) {
        Format f = c.format;
        long[] flushed = operands.clone();
        for (int i = 0; c.ftz && i < flushed.length; i++) {
            flushed[i] = f.flush(flushed[i]);
        }
        long expected = c.operation.apply(f, flushed, c.mode);
        if (c.ftz) {
            expected = f.flush(expected);
        }
        long one = (long) f.bias() << f.fractionBits();
        if (c.after.equals("sat")) {
            expected = f.isNan(expected) || f.isNegative(expected) ? 0 : Math.min(expected, one);
        } else if (c.after.equals("relu") && f.isNegative(expected) && !f.isNan(expected)) {
            expected = 0;
        }
        if (f == Exact.F64 && f.isNan(expected)) {  // keeps the payload
            assertTrue(f.isNan(actual), () -> c + " of " + hex(operands) + " gives " + Long.toHexString(actual));
            return;
        }
        long wanted = expected;
        assertEquals(Long.toHexString(wanted), Long.toHexString(actual), () -> c + " of " + hex(operands));
    }

    private static String hex(long[] values) {
        StringBuilder text = new StringBuilder();
        for (long value : values) {
            text.append(Long.toHexString(value)).append(' ');
        }
        return text.toString();
    }

    private static int[] narrowed(long[] values) {
        int[] words = new int[values.length];
        for (int i = 0; i < words.length; i++) {
            words[i] = (int) values[i];
        }
        return words;
    }

    private static long[] widened(int[] words) {
        long[] values = new long[words.length];
        for (int i = 0; i < words.length; i++) {
            values[i] = words[i] & 0xffffffffL;
        }
        return values;
    }
}
