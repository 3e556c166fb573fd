package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.conformance.Exact.Mode;
import org.talweg.cuda.conformance.Exact.Rational;

/** {@code mma.sync}: the fragment layout of each shape, spelled out as in the manual, and how products are summed. */
class MatrixProductTest {
    /** Row or column of element i of a lane's fragment. */
    interface At {
        int of(int lane, int i);
    }

    /** bits: of an element. count: elements a lane holds. */
    record Operand(String type, int bits, int count, At row, At column) {
        int registers() {
            return Math.max(bits == 64 ? count : count * bits / 32, 1);
        }
    }

    record Shape(String instruction, int m, int n, int k, Operand a, Operand b, Operand c, Operand d, int quads) {
        @Override
        public String toString() {
            return instruction;
        }
    }

    private static int g(int lane) {
        return lane >> 2;
    }

    private static int t(int lane) {
        return lane & 3;
    }

    private static Operand accumulator(String type, int bits, int m) {
        return new Operand(type, bits, m / 4, (l, i) -> g(l) + (i < 2 ? 0 : 8), (l, i) -> 2 * t(l) + (i & 1));
    }

    private static int bits(String type) {
        return switch (type) {
            case "tf32" -> 32;
            case "e4m3", "e5m2" -> 8;
            default -> Integer.parseInt(type.replaceAll("\\D", ""));
        };
    }

    private static Shape shape(String types, String name, int m, int k, Operand a, Operand b) {
        String[] t = types.split(" ");
        return new Shape("mma.sync.aligned." + name + ".row.col." + String.join(".", t), m, 8, k, a, b,
            accumulator(t[3], bits(t[3]), m), accumulator(t[0], bits(t[0]), m), 1);
    }

    static List<Shape> shapes() {
        List<Shape> shapes = new ArrayList<>();
        for (String types : new String[] {"f16 f16 f16 f16", "f32 f16 f16 f32", "f32 bf16 bf16 f32"}) {
            String type = types.split(" ")[1];
            shapes.add(shape(types, "m16n8k8", 16, 8,
                new Operand(type, 16, 4, (l, i) -> i < 2 ? g(l) : g(l) + 8, (l, i) -> t(l) * 2 + (i & 1)),
                new Operand(type, 16, 2, (l, i) -> t(l) * 2 + i, (l, i) -> g(l))));
            shapes.add(shape(types, "m16n8k16", 16, 16,
                new Operand(type, 16, 8, (l, i) -> i < 2 || (4 <= i && i < 6) ? g(l) : g(l) + 8,
                    (l, i) -> t(l) * 2 + (i & 1) + (i >= 4 ? 8 : 0)),
                new Operand(type, 16, 4, (l, i) -> t(l) * 2 + (i & 1) + (i >= 2 ? 8 : 0), (l, i) -> g(l))));
        }
        shapes.add(shape("f32 tf32 tf32 f32", "m16n8k4", 16, 4,
            new Operand("tf32", 32, 2, (l, i) -> i == 0 ? g(l) : g(l) + 8, (l, i) -> t(l)),
            new Operand("tf32", 32, 1, (l, i) -> t(l), (l, i) -> g(l))));
        shapes.add(shape("f32 tf32 tf32 f32", "m16n8k8", 16, 8,
            new Operand("tf32", 32, 4, (l, i) -> i == 0 || i == 2 ? g(l) : g(l) + 8, (l, i) -> i < 2 ? t(l) : t(l) + 4),
            new Operand("tf32", 32, 2, (l, i) -> i == 0 ? t(l) : t(l) + 4, (l, i) -> g(l))));
        for (String a : new String[] {"s8", "u8"}) {
            for (String b : new String[] {"s8", "u8"}) {
                for (String sat : new String[] {"", "satfinite."}) {
                    String types = "s32 " + a + " " + b + " s32";
                    shapes.add(saturating(sat, shape(types, "m8n8k16", 8, 16,
                        new Operand(a, 8, 4, (l, i) -> g(l), (l, i) -> t(l) * 4 + i),
                        new Operand(b, 8, 4, (l, i) -> t(l) * 4 + i, (l, i) -> g(l)))));
                    shapes.add(saturating(sat, shape(types, "m16n8k16", 16, 16,
                        new Operand(a, 8, 8, (l, i) -> i < 4 ? g(l) : g(l) + 8, (l, i) -> t(l) * 4 + (i & 3)),
                        new Operand(b, 8, 4, (l, i) -> t(l) * 4 + i, (l, i) -> g(l)))));
                    shapes.add(saturating(sat, shape(types, "m16n8k32", 16, 32,
                        new Operand(a, 8, 16, (l, i) -> i < 4 || (8 <= i && i < 12) ? g(l) : g(l) + 8,
                            (l, i) -> t(l) * 4 + (i & 3) + (i >= 8 ? 16 : 0)),
                        new Operand(b, 8, 8, (l, i) -> t(l) * 4 + (i & 3) + (i >= 4 ? 16 : 0), (l, i) -> g(l)))));
                }
            }
        }
        for (String type : new String[] {"s4", "u4"}) {
            String types = "s32 " + type + " " + type + " s32";
            shapes.add(shape(types, "m8n8k32", 8, 32,
                new Operand(type, 4, 8, (l, i) -> g(l), (l, i) -> t(l) * 8 + i),
                new Operand(type, 4, 8, (l, i) -> t(l) * 8 + i, (l, i) -> g(l))));
            shapes.add(shape(types, "m16n8k32", 16, 32,
                new Operand(type, 4, 16, (l, i) -> i < 8 ? g(l) : g(l) + 8, (l, i) -> t(l) * 8 + (i & 7)),
                new Operand(type, 4, 8, (l, i) -> t(l) * 8 + i, (l, i) -> g(l))));
            shapes.add(shape(types, "m16n8k64", 16, 64,
                new Operand(type, 4, 32, (l, i) -> i < 8 || (16 <= i && i < 24) ? g(l) : g(l) + 8,
                    (l, i) -> t(l) * 8 + (i & 7) + (i >= 16 ? 32 : 0)),
                new Operand(type, 4, 16, (l, i) -> t(l) * 8 + (i & 7) + (i >= 8 ? 32 : 0), (l, i) -> g(l))));
        }
        for (String operation : new String[] {".xor.popc", ".and.popc"}) {
            shapes.add(suffixed(operation, shape("s32 b1 b1 s32", "m8n8k128", 8, 128,
                new Operand("b1", 1, 32, (l, i) -> g(l), (l, i) -> t(l) * 32 + i),
                new Operand("b1", 1, 32, (l, i) -> t(l) * 32 + i, (l, i) -> g(l)))));
            shapes.add(suffixed(operation, shape("s32 b1 b1 s32", "m16n8k128", 16, 128,
                new Operand("b1", 1, 64, (l, i) -> i < 32 ? g(l) : g(l) + 8, (l, i) -> t(l) * 32 + (i & 31)),
                new Operand("b1", 1, 32, (l, i) -> t(l) * 32 + i, (l, i) -> g(l)))));
            shapes.add(suffixed(operation, shape("s32 b1 b1 s32", "m16n8k256", 16, 256,
                new Operand("b1", 1, 128, (l, i) -> i < 32 || (64 <= i && i < 96) ? g(l) : g(l) + 8,
                    (l, i) -> t(l) * 32 + (i & 31) + (i >= 64 ? 128 : 0)),
                new Operand("b1", 1, 64, (l, i) -> t(l) * 32 + (i & 31) + (i >= 32 ? 128 : 0), (l, i) -> g(l)))));
        }
        for (String types : new String[] {"f32 e4m3 e5m2 f32", "f32 e5m2 e4m3 f32"}) {
            shapes.add(shape(types, "m16n8k32", 16, 32,
                new Operand(types.split(" ")[1], 8, 16, (l, i) -> i < 4 || (8 <= i && i < 12) ? g(l) : g(l) + 8,
                    (l, i) -> t(l) * 4 + (i & 3) + (i >= 8 ? 16 : 0)),
                new Operand(types.split(" ")[2], 8, 8, (l, i) -> t(l) * 4 + (i & 3) + (i >= 4 ? 16 : 0), (l, i) -> g(l))));
        }
        shapes.add(shape("f64 f64 f64 f64", "m8n8k4", 8, 4,
            new Operand("f64", 64, 1, (l, i) -> g(l), (l, i) -> t(l)),
            new Operand("f64", 64, 1, (l, i) -> t(l), (l, i) -> g(l))));
        for (int k : new int[] {4, 8, 16}) {
            shapes.add(shape("f64 f64 f64 f64", "m16n8k" + k, 16, k,
                new Operand("f64", 64, k / 2, (l, i) -> g(l) + (i % 2 == 0 ? 0 : 8), (l, i) -> t(l) + i / 2 * 4),
                new Operand("f64", 64, k / 4, (l, i) -> t(l) + 4 * i, (l, i) -> g(l))));
        }
        for (String a : new String[] {"row", "col"}) {
            for (String b : new String[] {"row", "col"}) {
                for (String types : new String[] {"f16 f16", "f32 f16", "f16 f32", "f32 f32"}) {
                    shapes.add(quad(a, b, types.split(" ")[0], types.split(" ")[1]));
                }
            }
        }
        return shapes;
    }

    private static Shape saturating(String sat, Shape s) {
        String name = s.instruction.replace(".row.col.", ".row.col." + sat);
        return new Shape(name, s.m, s.n, s.k, s.a, s.b, s.c, s.d, 1);
    }

    private static Shape suffixed(String suffix, Shape s) {
        return new Shape(s.instruction + suffix, s.m, s.n, s.k, s.a, s.b, s.c, s.d, 1);
    }

    private static Operand quadAccumulator(String type) {
        return type.equals("f16")
            ? new Operand(type, 16, 8, (l, i) -> l % 4 + (l < 16 ? 0 : 4), (l, i) -> i)
            : new Operand(type, 32, 8, (l, i) -> (l & 1) + (i & 2) + (l < 16 ? 0 : 4),
                (l, i) -> (i & 4) + (l & 2) + (i & 1));
    }

    private static Shape quad(String a, String b, String d, String c) {
        Operand first = a.equals("row")
            ? new Operand("f16", 16, 4, (l, i) -> l % 4 + (l < 16 ? 0 : 4), (l, i) -> i)
            : new Operand("f16", 16, 4, (l, i) -> i % 4 + (l < 16 ? 0 : 4), (l, i) -> l % 4);
        Operand second = b.equals("row")
            ? new Operand("f16", 16, 4, (l, i) -> l % 4, (l, i) -> i + (l < 16 ? 0 : 4))
            : new Operand("f16", 16, 4, (l, i) -> i, (l, i) -> l % 4 + (l < 16 ? 0 : 4));
        return new Shape("mma.sync.aligned.m8n8k4." + a + "." + b + "." + d + ".f16.f16." + c, 8, 8, 4, first, second,
            quadAccumulator(c), quadAccumulator(d), 4);
    }

    private static int quadOf(Shape s, int lane) {
        return s.quads == 4 ? lane % 16 / 4 : 0;
    }

    /** The bit pattern of a small integer. */
    private static long encode(String type, long value) {
        Rational x = Exact.value(BigInteger.valueOf(value));
        return switch (type) {
            case "f16" -> Exact.round(x, Exact.F16, Mode.RN);
            case "bf16" -> Exact.round(x, Exact.BF16, Mode.RN);
            case "f32", "tf32" -> Exact.round(x, Exact.F32, Mode.RN);
            case "f64" -> Exact.round(x, Exact.F64, Mode.RN);
            case "e4m3" -> Exact.round(x, new Exact.Format(4, 3, 0x7f), Mode.RN);
            case "e5m2" -> Exact.round(x, new Exact.Format(5, 2, 0x7f), Mode.RN);
            default -> value & (1L << bits(type)) - 1;
        };
    }

    private static long small(String type, SplittableRandom random) {
        return switch (type) {
            case "u8" -> random.nextInt(256);
            case "s8" -> random.nextInt(-128, 128);
            case "u4" -> random.nextInt(16);
            case "s4" -> random.nextInt(-8, 8);
            case "b1" -> random.nextInt(2);
            case "s32" -> random.nextInt(3) == 0 ? Integer.MAX_VALUE - random.nextInt(1000) : random.nextInt(-1000, 1000);
            case "e4m3", "e5m2" -> random.nextInt(-4, 5);
            default -> random.nextInt(-8, 9);
        };
    }

    private static long[][][] matrices(int quads, int rows, int columns, String type, SplittableRandom random) {
        long[][][] all = new long[quads][rows][columns];
        for (long[][] matrix : all) {
            for (long[] row : matrix) {
                for (int j = 0; j < columns; j++) {
                    row[j] = small(type, random);
                }
            }
        }
        return all;
    }

    /** The registers of one lane, as 64-bit words. */
    private static long[] registers(Shape s, Operand o, long[][][] matrices, int lane) {
        long[] words = new long[o.registers()];
        for (int i = 0; i < o.count; i++) {
            long value = matrices[quadOf(s, lane)][o.row.of(lane, i)][o.column.of(lane, i)];
            int per = Math.max(32 / o.bits, 1);
            words[i / per] |= encode(o.type, value) << (o.bits == 64 ? 0 : i % per * o.bits);
        }
        return words;
    }

    private static String list(String prefix, int count) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            names.add(prefix + i);
        }
        return "{" + String.join(", ", names) + "}";
    }

    private static String declare(String prefix, Operand o) {
        return ".reg .b%d %s<%d>;%n".formatted(o.bits == 64 ? 64 : 32, prefix, o.registers());
    }

    /** Runs an mma on registers given lane by lane, in the order a, b, c. */
    private static long[] run(Shape s, long[][] in) {
        StringBuilder body = new StringBuilder(declare("%a", s.a) + declare("%b", s.b) + declare("%c", s.c) + declare("%d", s.d));
        int at = 0;
        for (Operand o : new Operand[] {s.a, s.b, s.c}) {
            String prefix = o == s.a ? "%a" : o == s.b ? "%b" : "%c";
            for (int i = 0; i < o.registers(); i++) {
                body.append("ld.global.b%d %s%d, [%%src+%d];%n".formatted(o.bits == 64 ? 64 : 32, prefix, i, 8 * at++));
            }
        }
        body.append("%s %s, %s, %s, %s;%n".formatted(s.instruction, list("%d", s.d.registers()), list("%a", s.a.registers()),
            list("%b", s.b.registers()), list("%c", s.c.registers())));
        for (int i = 0; i < s.d.registers(); i++) {
            body.append("st.global.b%d [%%dst+%d], %%d%d;%n".formatted(s.d.bits == 64 ? 64 : 32, 8 * i, i));
        }
        long[] flat = new long[32 * at];
        for (int lane = 0; lane < 32; lane++) {
            System.arraycopy(in[lane], 0, flat, lane * at, at);
        }
        return Ptx.kernel(body.toString()).run(flat, s.d.registers());
    }

    private static long[] concatenate(long[]... parts) {
        long[] all = new long[parts[0].length + parts[1].length + parts[2].length];
        int at = 0;
        for (long[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void theFragmentLayoutIsThatOfTheManual(Shape s) {
        SplittableRandom random = new SplittableRandom(s.instruction.hashCode());
        long[][][] a = matrices(s.quads, s.m, s.k, s.a.type, random);
        long[][][] b = matrices(s.quads, s.k, s.n, s.b.type, random);
        long[][][] c = matrices(s.quads, s.m, s.n, s.c.type, random);
        long[][] in = new long[32][];
        for (int lane = 0; lane < 32; lane++) {
            in[lane] = concatenate(registers(s, s.a, a, lane), registers(s, s.b, b, lane), registers(s, s.c, c, lane));
        }
        for (boolean truncating : new boolean[] {false, true}) {
            long[] out;
            try {
                SoftwareDriver.truncatingMma(truncating);
                out = run(s, in);
            } finally {
                SoftwareDriver.truncatingMma(false);
            }
            for (int lane = 0; lane < 32; lane++) {
                for (int i = 0; i < s.d.count; i++) {
                    int row = s.d.row.of(lane, i);
                    int column = s.d.column.of(lane, i);
                    long sum = c[quadOf(s, lane)][row][column];
                    for (int k = 0; k < s.k; k++) {
                        long x = a[quadOf(s, lane)][row][k];
                        long y = b[quadOf(s, lane)][k][column];
                        sum += s.instruction.endsWith(".xor.popc") ? x ^ y : x * y;
                    }
                    if (s.instruction.contains("satfinite")) {
                        sum = Math.max(Math.min(sum, Integer.MAX_VALUE), Integer.MIN_VALUE);
                    }
                    int per = Math.max(32 / s.d.bits, 1);
                    long word = out[lane * s.d.registers() + i / per] >>> (s.d.bits == 64 ? 0 : i % per * s.d.bits);
                    long mask = s.d.bits == 64 ? -1L : (1L << s.d.bits) - 1;
                    assertEquals(encode(s.d.type, sum) & mask, word & mask, s + " lane " + lane + " element " + i);
                }
            }
        }
    }

    private static Shape named(String instruction) {
        return shapes().stream().filter(s -> s.instruction.equals(instruction)).findFirst().orElseThrow();
    }

    /** Random reals of very different sizes; the exact sum by rational arithmetic. */
    @Test
    void sumsAreExactAndRoundedOnce() {
        for (String instruction : new String[] {"mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32",
            "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16"}) {
            Shape s = named(instruction);
            Exact.Format in = s.a.type.equals("f16") ? Exact.F16 : s.a.type.equals("bf16") ? Exact.BF16 : Exact.F32;
            Exact.Format out = s.d.type.equals("f16") ? Exact.F16 : Exact.F32;
            SplittableRandom random = new SplittableRandom(instruction.hashCode());
            long[][] a = reals(in, s.m, s.k, s.a.type, random);
            long[][] b = reals(in, s.k, s.n, s.a.type, random);
            long[][] c = reals(out, s.m, s.n, s.c.type, random);
            long[][] words = new long[32][];
            for (int lane = 0; lane < 32; lane++) {
                words[lane] = concatenate(patterns(s.a, a, lane), patterns(s.b, b, lane), patterns(s.c, c, lane));
            }
            for (boolean truncating : new boolean[] {false, true}) {
                long[] results;
                try {
                    SoftwareDriver.truncatingMma(truncating);
                    results = run(s, words);
                } finally {
                    SoftwareDriver.truncatingMma(false);
                }
                for (int lane = 0; lane < 32; lane++) {
                    for (int i = 0; i < s.d.count; i++) {
                        int row = s.d.row.of(lane, i);
                        int column = s.d.column.of(lane, i);
                        Rational sum = Exact.value(out, c[row][column]);
                        double size = Math.abs(toDouble(sum));
                        for (int k = 0; k < s.k; k++) {
                            Rational product = Exact.value(in, a[row][k]).times(Exact.value(in, b[k][column]));
                            size = Math.max(size, Math.abs(toDouble(product)));
                            sum = sum.plus(product);
                        }
                        int per = 32 / s.d.bits;
                        long word = results[lane * s.d.registers() + i / per] >>> (i % per * s.d.bits) & (1L << s.d.bits) - 1;
                        if (!truncating) {
                            assertEquals(Long.toHexString(Exact.round(sum, out, Mode.RN)), Long.toHexString(word), instruction);
                            continue;
                        }
                        // Each block loses less than a unit in the 24th place of its largest term, once for each term.
                        double error = Math.abs(toDouble(Exact.value(out, word).plus(sum.negate())));
                        double ulp = out == Exact.F16 ? 0x1p-10 * Math.abs(toDouble(sum)) + 0x1p-24 : 0;
                        assertTrue(error <= ulp + s.k * 4 * size * 0x1p-24, instruction + " is off by " + error);
                    }
                }
            }
        }
    }

    private static double toDouble(Rational x) {
        return new java.math.BigDecimal(x.numerator()).divide(new java.math.BigDecimal(x.denominator()),
            java.math.MathContext.DECIMAL64).doubleValue();
    }

    private static long[][] reals(Exact.Format f, int rows, int columns, String type, SplittableRandom random) {
        long[][] matrix = new long[rows][columns];
        for (long[] row : matrix) {
            for (int j = 0; j < columns; j++) {
                double value = random.nextGaussian() * Math.pow(2, random.nextInt(-6, 6));
                row[j] = Exact.convert(Exact.F64, Double.doubleToRawLongBits(value), f, Mode.RN);
                if (type.equals("tf32")) {
                    row[j] &= ~0x1fffL;
                }
            }
        }
        return matrix;
    }

    private static long[] patterns(Operand o, long[][] matrix, int lane) {
        long[] words = new long[o.registers()];
        int per = 32 / o.bits;
        for (int i = 0; i < o.count; i++) {
            words[i / per] |= matrix[o.row.of(lane, i)][o.column.of(lane, i)] << (i % per * o.bits);
        }
        return words;
    }

    @Test
    void truncationCutsWhatALargerProductPushesOut() {
        Shape s = named("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32");
        long[][] a = new long[16][8];
        long[][] b = new long[8][8];
        long[][] c = new long[16][8];
        long one = encode("f16", 1);
        for (int i = 0; i < 16; i++) {
            a[i][0] = encode("f16", 4096);
            a[i][1] = one;
            c[i][0] = Float.floatToRawIntBits(0x1p-2f);
        }
        b[0][0] = encode("f16", 4096);  // 2^24
        b[1][0] = encode("f16", 1);
        long[][] words = new long[32][];
        for (int lane = 0; lane < 32; lane++) {
            words[lane] = concatenate(patterns(s.a, a, lane), patterns(s.b, b, lane), patterns(s.c, c, lane));
        }
        // 2^24 + 1 + 1/4: the nearest float is 2^24 + 2, but what is below the last place is cut.
        assertEquals(0x1p24f + 2, Float.intBitsToFloat((int) run(s, words)[0]));
        SoftwareDriver.truncatingMma(true);
        try {
            assertEquals(0x1p24f, Float.intBitsToFloat((int) run(s, words)[0]));
        } finally {
            SoftwareDriver.truncatingMma(false);
        }
    }

    @Test
    void infinitiesAndNansComeThrough() {
        Shape s = named("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32");
        long[][] a = new long[16][8];
        long[][] b = new long[8][8];
        long[][] c = new long[16][8];
        a[0][0] = 0x7c00;
        a[1][0] = 0x7e00;
        a[2][0] = 0x7c00;
        a[2][1] = 0xfc00;
        for (int j = 0; j < 8; j++) {
            b[0][j] = b[1][j] = encode("f16", 1);
        }
        long[][] words = new long[32][];
        for (int lane = 0; lane < 32; lane++) {
            words[lane] = concatenate(patterns(s.a, a, lane), patterns(s.b, b, lane), patterns(s.c, c, lane));
        }
        long[] out = run(s, words);
        assertEquals(0x7f800000L, out[0] & 0xffffffffL);
        assertEquals(0x7fffffffL, out[4 * 4] & 0xffffffffL);
        assertEquals(0x7fffffffL, out[8 * 4] & 0xffffffffL);
        assertEquals(0, out[12 * 4]);
    }

    @Test
    void shapesThatDoNotExistAreRefused() {
        for (String instruction : new String[] {"mma.sync.aligned.m16n8k32.row.col.f32.f16.f16.f32",
            "mma.sync.aligned.m16n8k16.col.col.f32.f16.f16.f32", "mma.sync.aligned.m16n8k8.row.col.f16.bf16.bf16.f16"}) {
            String report = Ptx.kernel(".reg .b32 %r<16>; " + instruction
                + " {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, {%r8,%r9}, {%r10,%r11,%r12,%r13};").isRefused();
            assertTrue(report.contains("mma"), report);
        }
        String report = Ptx.kernel(".reg .b32 %r<16>; mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
            + " {%r0,%r1,%r2,%r3}, {%r4,%r5}, {%r8,%r9}, {%r10,%r11,%r12,%r13};").isRefused();
        assertTrue(report.contains("needs 4 registers, not 2"), report);
    }

    @Test
    void aWarpThatIsNotWholeIsReported() {
        Ptx kernel = Ptx.kernel("""
            .reg .b32 %r<16>; .reg .pred %p;
            setp.eq.u32 %p, %lane, 3;
            @%p exit;
            mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, {%r8,%r9}, {%r10,%r11,%r12,%r13};
            """);
        String report = kernel.fails(jcuda.driver.CUresult.CUDA_ERROR_LAUNCH_FAILED, new int[32], 1);
        assertTrue(report.contains("whole warp"), report);
    }
}
