package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Integer arithmetic, logic, shifts and bit fields against Java's own integers and BigInteger. */
class IntegerTest {
    private static final int COUNT = 512;

    interface Operation {
        long apply(long[] x);
    }

    /** operands: bits of each, a minus sign for a signed one; result: bits of the destination. */
    record Case(String instruction, int[] operands, int result, Operation operation) {
        @Override
        public String toString() {
            return instruction;
        }
    }

    private static final List<Case> CASES = new ArrayList<>();

    private static void add(String instruction, int result, int[] operands, Operation operation) {
        CASES.add(new Case(instruction, operands, result, operation));
    }

    private static int[] of(int... bits) {
        return bits;
    }

    private static BigInteger big(long x, int bits) {
        BigInteger value = BigInteger.valueOf(x);
        return bits > 0 && value.signum() < 0 ? value.add(BigInteger.ONE.shiftLeft(64)) : value;
    }

    private static long extend(long x, int bits) {
        int width = Math.abs(bits);
        return width == 64 ? x : bits < 0 ? x << (64 - width) >> (64 - width) : x & (1L << width) - 1;
    }

    private static long clamp32(long x) {
        return Math.max(Math.min(x, Integer.MAX_VALUE), Integer.MIN_VALUE);
    }

    /** Which byte of b:a a selector of prmt takes, with its sign replicated where bit 3 says so. */
    private static long permuted(long a, long b, int[] selectors) {
        long both = a & 0xffffffffL | b << 32;
        long result = 0;
        for (int i = 0; i < 4; i++) {
            long value = both >>> (8 * (selectors[i] & 7)) & 0xff;
            if ((selectors[i] & 8) != 0) {
                value = (value & 0x80) != 0 ? 0xff : 0;
            }
            result |= value << (8 * i);
        }
        return result;
    }

    private static long high(long a, long b, int bits) {
        return big(a, bits).multiply(big(b, bits)).shiftRight(Math.abs(bits)).longValue();
    }

    private static long divide(long a, long b, int bits) {
        if (b == 0) {
            return -1;
        }
        return bits < 0 ? a / b : Long.divideUnsigned(a, b);
    }

    private static long remainder(long a, long b, int bits) {
        if (b == 0) {
            return a;
        }
        return bits < 0 ? b == -1 ? 0 : a % b : Long.remainderUnsigned(a, b);
    }

    private static int compare(long a, long b, int bits) {
        return bits < 0 ? Long.compare(a, b) : Long.compareUnsigned(a, b);
    }

    private static long bfe(long a, long b, long c, int bits) {
        int width = Math.abs(bits);
        int position = (int) (b & 0xff);
        int length = (int) (c & 0xff);
        boolean sign = bits < 0 && length > 0 && (a >>> Math.min(position + length - 1, width - 1) & 1) != 0;
        long result = 0;
        for (int i = 0; i < width; i++) {
            boolean bit = i < length && position + i < width ? (a >>> (position + i) & 1) != 0 : sign;
            result |= bit ? 1L << i : 0;
        }
        return result;
    }

    private static long bfi(long a, long b, long c, long d, int width) {
        int position = (int) (c & 0xff);
        int length = (int) (d & 0xff);
        for (int i = 0; i < length && position + i < width; i++) {
            long bit = 1L << (position + i);
            b = (a >>> i & 1) != 0 ? b | bit : b & ~bit;
        }
        return b;
    }

    private static long fns(long mask, long base, long offset) {
        int b = (int) base & 31;
        if (offset == 0) {
            return (mask >>> b & 1) != 0 ? b : -1;
        }
        long left = Math.abs(offset);
        for (int i = b; i >= 0 && i < 32; i += offset > 0 ? 1 : -1) {
            if ((mask >>> i & 1) != 0 && --left == 0) {
                return i;
            }
        }
        return -1;
    }

    static {
        for (String type : new String[] {"u16", "s16", "u32", "s32", "u64", "s64"}) {
            int width = Integer.parseInt(type.substring(1));
            int t = type.startsWith("s") ? -width : width;
            int[] two = of(t, t);
            int[] three = of(t, t, t);
            add("add." + type, width, two, x -> x[0] + x[1]);
            add("sub." + type, width, two, x -> x[0] - x[1]);
            add("mul.lo." + type, width, two, x -> x[0] * x[1]);
            add("mul.hi." + type, width, two, x -> high(x[0], x[1], t));
            add("mad.lo." + type, width, three, x -> x[0] * x[1] + x[2]);
            add("mad.hi." + type, width, three, x -> high(x[0], x[1], t) + x[2]);
            add("div." + type, width, two, x -> divide(x[0], x[1], t));
            add("rem." + type, width, two, x -> remainder(x[0], x[1], t));
            add("min." + type, width, two, x -> compare(x[0], x[1], t) < 0 ? x[0] : x[1]);
            add("max." + type, width, two, x -> compare(x[0], x[1], t) > 0 ? x[0] : x[1]);
            add("sad." + type, width, three, x -> x[2] + (compare(x[0], x[1], t) < 0 ? x[1] - x[0] : x[0] - x[1]));
            add("shr." + type, width, of(t, 8), x -> x[1] >= width ? (t < 0 && x[0] < 0 ? -1 : 0) : t < 0 ? x[0] >> x[1] : x[0] >>> x[1]);
            if (t < 0) {
                add("abs." + type, width, of(t), x -> Math.abs(x[0]));
                add("neg." + type, width, of(t), x -> -x[0]);
            }
            if (width < 64) {
                add("mul.wide." + type, 2 * width, two, x -> x[0] * x[1]);
                add("mad.wide." + type, 2 * width, of(t, t, 2 * t), x -> x[0] * x[1] + x[2]);
            }
            if (width > 16) {
                add("bfe." + type, width, of(t, 7, 7), x -> bfe(x[0], x[1], x[2], t));
                add("bfind." + type, 32, of(t), x -> bfind(x[0], t, false));
                add("bfind.shiftamt." + type, 32, of(t), x -> bfind(x[0], t, true));
            }
        }
        for (int width : new int[] {16, 32, 64}) {
            String b = ".b" + width;
            add("and" + b, width, of(width, width), x -> x[0] & x[1]);
            add("or" + b, width, of(width, width), x -> x[0] | x[1]);
            add("xor" + b, width, of(width, width), x -> x[0] ^ x[1]);
            add("not" + b, width, of(width), x -> ~x[0]);
            add("cnot" + b, width, of(width), x -> x[0] == 0 ? 1 : 0);
            add("shl" + b, width, of(width, 8), x -> x[1] >= width ? 0 : x[0] << x[1]);
            add("shr" + b, width, of(width, 8), x -> x[1] >= width ? 0 : x[0] >>> x[1]);
            if (width > 16) {
                add("popc" + b, 32, of(width), x -> Long.bitCount(x[0]));
                add("clz" + b, 32, of(width), x -> Long.numberOfLeadingZeros(x[0]) - (64 - width));
                add("brev" + b, width, of(width), x -> Long.reverse(x[0]) >>> (64 - width));
                add("bfi" + b, width, of(width, width, 7, 7), x -> bfi(x[0], x[1], x[2], x[3], width));
            }
        }
        add("add.sat.s32", 32, of(-32, -32), x -> clamp32(x[0] + x[1]));
        add("sub.sat.s32", 32, of(-32, -32), x -> clamp32(x[0] - x[1]));
        add("mad.hi.sat.s32", 32, of(-32, -32, -32), x -> clamp32((x[0] * x[1] >> 32) + x[2]));
        add("mul24.lo.u32", 32, of(32, 32), x -> extend(x[0], 24) * extend(x[1], 24));
        add("mul24.hi.u32", 32, of(32, 32), x -> extend(x[0], 24) * extend(x[1], 24) >>> 16);
        add("mul24.lo.s32", 32, of(32, 32), x -> extend(x[0], -24) * extend(x[1], -24));
        add("mul24.hi.s32", 32, of(32, 32), x -> extend(x[0], -24) * extend(x[1], -24) >> 16);
        add("mad24.lo.u32", 32, of(32, 32, 32), x -> extend(x[0], 24) * extend(x[1], 24) + x[2]);
        add("mad24.hi.s32", 32, of(32, 32, 32), x -> (extend(x[0], -24) * extend(x[1], -24) >> 16) + x[2]);
        for (String a : new String[] {"u32", "s32"}) {
            for (String b : new String[] {"u32", "s32"}) {
                int as = a.startsWith("s") ? -1 : 1;
                int bs = b.startsWith("s") ? -1 : 1;
                add("dp4a." + a + "." + b, 32, of(32, 32, 32), x -> {
                    long sum = x[2];
                    for (int i = 0; i < 32; i += 8) {
                        sum += extend(x[0] >>> i, 8 * as) * extend(x[1] >>> i, 8 * bs);
                    }
                    return sum;
                });
                for (int half : new int[] {0, 16}) {
                    add("dp2a." + (half == 0 ? "lo." : "hi.") + a + "." + b, 32, of(32, 32, 32),
                        x -> x[2] + extend(x[0], 16 * as) * extend(x[1] >>> half, 8 * bs)
                            + extend(x[0] >>> 16, 16 * as) * extend(x[1] >>> (half + 8), 8 * bs));
                }
            }
        }
        add("shf.l.clamp.b32", 32, of(32, 32, 6), x -> (x[0] | x[1] << 32) << Math.min(x[2], 32) >>> 32);
        add("shf.l.wrap.b32", 32, of(32, 32, 6), x -> (x[0] | x[1] << 32) << (x[2] & 31) >>> 32);
        add("shf.r.clamp.b32", 32, of(32, 32, 6), x -> (x[0] | x[1] << 32) >>> Math.min(x[2], 32));
        add("shf.r.wrap.b32", 32, of(32, 32, 6), x -> (x[0] | x[1] << 32) >>> (x[2] & 31));
        add("prmt.b32", 32, of(32, 32, 16), x -> permuted(x[0], x[1],
            new int[] {(int) x[2] & 15, (int) x[2] >> 4 & 15, (int) x[2] >> 8 & 15, (int) x[2] >> 12 & 15}));
        int[][][] tables = {
            {{0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 5}, {3, 4, 5, 6}}, {{0, 7, 6, 5}, {1, 0, 7, 6}, {2, 1, 0, 7}, {3, 2, 1, 0}},
            {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 2, 2, 2}, {3, 3, 3, 3}}, {{0, 1, 2, 3}, {1, 1, 2, 3}, {2, 2, 2, 3}, {3, 3, 3, 3}},
            {{0, 0, 0, 0}, {0, 1, 1, 1}, {0, 1, 2, 2}, {0, 1, 2, 3}}, {{0, 1, 0, 1}, {2, 3, 2, 3}, {0, 1, 0, 1}, {2, 3, 2, 3}}};
        String[] modes = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
        for (int m = 0; m < modes.length; m++) {
            int[][] table = tables[m];
            add("prmt.b32." + modes[m], 32, of(32, 32, 32), x -> permuted(x[0], x[1], table[(int) x[2] & 3]));
        }
        add("fns.b32", 32, of(32, 5, -4), x -> fns(x[0], x[1], x[2]));
        add("add.u16x2", 32, of(32, 32), x -> x[0] + x[1] & 0xffff | (x[0] >>> 16) + (x[1] >>> 16) << 16);
        add("add.s16x2", 32, of(32, 32), x -> x[0] + x[1] & 0xffff | (x[0] >>> 16) + (x[1] >>> 16) << 16);
        for (String type : new String[] {"u16x2", "s16x2"}) {
            int t = type.startsWith("s") ? -16 : 16;
            add("min." + type, 32, of(32, 32), x -> halves(x, t, (p, q) -> Math.min(p, q)));
            add("max." + type, 32, of(32, 32), x -> halves(x, t, (p, q) -> Math.max(p, q)));
        }
        add("min.s16x2.relu", 32, of(32, 32), x -> halves(x, -16, (p, q) -> Math.max(Math.min(p, q), 0)));
        add("max.s16x2.relu", 32, of(32, 32), x -> halves(x, -16, (p, q) -> Math.max(Math.max(p, q), 0)));
        add("min.relu.s32", 32, of(-32, -32), x -> Math.max(Math.min(x[0], x[1]), 0));
        add("max.relu.s32", 32, of(-32, -32), x -> Math.max(Math.max(x[0], x[1]), 0));
        add("vabsdiff4.u32.u32.u32", 32, of(32, 32, 32), x -> bytes(x, 8, (p, q) -> Math.abs(p - q)));
        add("vabsdiff4.u32.u32.u32.add", 32, of(32, 32, 32), x -> {
            long sum = x[2];
            for (int i = 0; i < 32; i += 8) {
                sum += Math.abs(extend(x[0] >>> i, 8) - extend(x[1] >>> i, 8));
            }
            return sum;
        });
        add("vadd4.s32.s32.s32.sat", 32, of(32, 32, 32), x -> bytes(x, -8, (p, q) -> Math.max(Math.min(p + q, 127), -128)));
        add("vsub4.u32.u32.u32.sat", 32, of(32, 32, 32), x -> bytes(x, 8, (p, q) -> Math.max(Math.min(p - q, 255), 0)));
        add("vmin4.s32.s32.s32", 32, of(32, 32, 32), x -> bytes(x, -8, Math::min));
        add("vmax4.u32.u32.u32", 32, of(32, 32, 32), x -> bytes(x, 8, Math::max));
        add("vavrg4.u32.u32.u32", 32, of(32, 32, 32), x -> bytes(x, 8, (p, q) -> (p + q + 1) >> 1));
        add("vadd2.u32.u32.u32", 32, of(32, 32, 32), x -> halves(x, 16, (p, q) -> p + q));
    }

    interface Binary {
        long apply(long p, long q);
    }

    private static long halves(long[] x, int t, Binary operation) {
        return operation.apply(extend(x[0], t), extend(x[1], t)) & 0xffff
            | (operation.apply(extend(x[0] >>> 16, t), extend(x[1] >>> 16, t)) & 0xffff) << 16;
    }

    private static long bytes(long[] x, int t, Binary operation) {
        long result = 0;
        for (int i = 0; i < 32; i += 8) {
            result |= (operation.apply(extend(x[0] >>> i, t), extend(x[1] >>> i, t)) & 0xff) << i;
        }
        return result;
    }

    private static long bfind(long a, int bits, boolean shift) {
        int width = Math.abs(bits);
        long x = bits < 0 && a < 0 ? ~a : a;
        x = extend(x, width);
        if (x == 0) {
            return -1;
        }
        int position = 63 - Long.numberOfLeadingZeros(x);
        return shift ? width - 1 - position : position;
    }

    static List<Case> cases() {
        return CASES;
    }

    /** Registers have 16, 32 or 64 bits; an operand of fewer bits is a small number in 32. */
    private static int register(int bits) {
        int width = Math.abs(bits);
        return width == 16 || width == 64 ? width : 32;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void is(Case c) {
        SplittableRandom random = new SplittableRandom(c.instruction.hashCode());
        int arity = c.operands.length;
        boolean selector = c.instruction.equals("prmt.b32");
        long[] edges = {0, 1, -1, Long.MIN_VALUE, Long.MAX_VALUE, 2, 31, 32, 63, 64, 255, 128};
        long[] in = new long[COUNT * arity];
        StringBuilder body = new StringBuilder();
        List<String> names = new ArrayList<>();
        for (int j = 0; j < arity; j++) {
            int bits = c.operands[j];
            int width = selector && j == 2 ? 32 : register(bits);
            names.add("%a" + j);
            body.append(".reg .b%1$d %%a%2$d; ld.global.b%1$d %%a%2$d, [%%src+%3$d];%n".formatted(width, j, 8 * j));
            for (int i = 0; i < COUNT; i++) {
                long value = i < 144 && Math.abs(bits) >= 16 ? edges[(j == 0 ? i : i / 12) % 12] : random.nextLong() >> random.nextInt(64);
                if (i < 144 && Math.abs(bits) >= 16 && (value == Long.MIN_VALUE || value == Long.MAX_VALUE)) {
                    value = value >> (64 - Math.abs(bits));  // of that type
                }
                in[i * arity + j] = extend(value, bits);
            }
        }
        body.append(".reg .b%d %%d; %s %%d, %s;%n".formatted(register(c.result), c.instruction, String.join(", ", names)));
        body.append("st.global.b%d [%%dst], %%d;".formatted(register(c.result)));
        long[] out = Ptx.kernel(body.toString()).launch(COUNT / 128, 128).run(in, 1);
        for (int i = 0; i < COUNT; i++) {
            long[] x = java.util.Arrays.copyOfRange(in, i * arity, (i + 1) * arity);
            assertEquals(Long.toHexString(extend(c.operation.apply(x), c.result)), Long.toHexString(extend(out[i], c.result)),
                () -> c + " of " + java.util.Arrays.toString(x));
        }
    }

    @Test
    void lop3KnowsAllTables() {
        StringBuilder body = new StringBuilder("""
            .reg .b32 %a, %b, %c, %d;
            ld.global.b32 %a, [%src]; ld.global.b32 %b, [%src+4]; ld.global.b32 %c, [%src+8];
            """);
        for (int table = 0; table < 256; table++) {
            body.append("lop3.b32 %%d, %%a, %%b, %%c, %d; st.global.b32 [%%dst+%d], %%d;%n".formatted(table, 4 * table));
        }
        SplittableRandom random = new SplittableRandom(1);
        int[] in = random.ints(96).toArray();
        int[] out = Ptx.kernel(body.toString()).run(in, 256);
        for (int lane = 0; lane < 32; lane++) {
            for (int table = 0; table < 256; table++) {
                int expected = 0;
                for (int bit = 0; bit < 32; bit++) {
                    int index = (in[3 * lane] >>> bit & 1) << 2 | (in[3 * lane + 1] >>> bit & 1) << 1 | in[3 * lane + 2] >>> bit & 1;
                    expected |= (table >> index & 1) << bit;
                }
                assertEquals(expected, out[256 * lane + table], "lop3 " + table);
            }
        }
    }

    @Test
    void carriesRunThroughLongSums() {
        String[] letters = {"a", "b"};
        StringBuilder body = new StringBuilder(".reg .b32 %a<4>, %b<4>, %d<4>, %e<4>, %m<4>;\n");
        for (int i = 0; i < 8; i++) {
            body.append("ld.global.b32 %%%s%d, [%%src+%d];%n".formatted(letters[i / 4], i % 4, 4 * i));
        }
        body.append("""
            add.cc.u32 %d0, %a0, %b0; addc.cc.u32 %d1, %a1, %b1; addc.cc.u32 %d2, %a2, %b2; addc.u32 %d3, %a3, %b3;
            sub.cc.u32 %e0, %a0, %b0; subc.cc.u32 %e1, %a1, %b1; subc.cc.u32 %e2, %a2, %b2; subc.u32 %e3, %a3, %b3;
            // the 128-bit product of two 64-bit numbers
            mul.lo.u32 %m0, %a0, %b0;
            mul.hi.u32 %m1, %a0, %b0;
            mad.lo.cc.u32 %m1, %a0, %b1, %m1;
            madc.hi.u32 %m2, %a0, %b1, 0;
            mad.lo.cc.u32 %m1, %a1, %b0, %m1;
            madc.hi.cc.u32 %m2, %a1, %b0, %m2;
            addc.u32 %m3, 0, 0;
            mad.lo.cc.u32 %m2, %a1, %b1, %m2;
            madc.hi.u32 %m3, %a1, %b1, %m3;
            st.global.v4.b32 [%dst], {%d0, %d1, %d2, %d3};
            st.global.v4.b32 [%dst+16], {%e0, %e1, %e2, %e3};
            st.global.v4.b32 [%dst+32], {%m0, %m1, %m2, %m3};
            """);
        SplittableRandom random = new SplittableRandom(2);
        int[] in = new int[256];
        for (int i = 0; i < in.length; i++) {
            in[i] = random.nextInt(3) == 0 ? random.nextInt(2) - 1 : random.nextInt();
        }
        int[] out = Ptx.kernel(body.toString()).run(in, 12);
        BigInteger modulus = BigInteger.ONE.shiftLeft(128);
        for (int lane = 0; lane < 32; lane++) {
            BigInteger a = number(in, 8 * lane, 4);
            BigInteger b = number(in, 8 * lane + 4, 4);
            assertEquals(a.add(b).mod(modulus), number(out, 12 * lane, 4));
            assertEquals(a.subtract(b).mod(modulus), number(out, 12 * lane + 4, 4));
            assertEquals(number(in, 8 * lane, 2).multiply(number(in, 8 * lane + 4, 2)), number(out, 12 * lane + 8, 4));
        }
    }

    private static BigInteger number(int[] words, int at, int count) {
        BigInteger value = BigInteger.ZERO;
        for (int i = count - 1; i >= 0; i--) {
            value = value.shiftLeft(32).or(BigInteger.valueOf(words[at + i] & 0xffffffffL));
        }
        return value;
    }

    @Test
    void carriesOf64Bits() {
        long[] out = Ptx.kernel("""
            .reg .b64 %a<2>, %b<2>, %d<2>;
            ld.global.v2.b64 {%a0, %a1}, [%src]; ld.global.v2.b64 {%b0, %b1}, [%src+16];
            add.cc.s64 %d0, %a0, %b0; addc.s64 %d1, %a1, %b1;
            st.global.v2.b64 [%dst], {%d0, %d1};
            mad.lo.cc.u64 %d0, %a0, %b0, %a1; madc.hi.u64 %d1, %a0, %b0, 0;
            st.global.v2.b64 [%dst+16], {%d0, %d1};
            """).launch(1, 1).run(new long[] {-5, 7, 9, -8}, 4);
        assertEquals(4, out[0]);
        assertEquals(0, out[1]);
        assertEquals(-45 + 7, out[2]);
        assertEquals(8, out[3]);
    }

    @Test
    void comparisonsSelectAndSet() {
        String[] signed = {"eq", "ne", "lt", "le", "gt", "ge"};
        String[] unsigned = {"eq", "ne", "lo", "ls", "hi", "hs"};
        SplittableRandom random = new SplittableRandom(3);
        for (String type : new String[] {"s16", "u16", "b16", "s32", "u32", "b32", "s64", "u64", "b64"}) {
            int width = Integer.parseInt(type.substring(1));
            int t = type.startsWith("s") ? -width : width;
            int forms = type.startsWith("b") ? 2 : 6;
            StringBuilder body = new StringBuilder(".reg .b%d %%a, %%b; .reg .pred %%p, %%q, %%r; .reg .b32 %%x, %%y; ld.global.b%d %%a, [%%src]; ld.global.b%d %%b, [%%src+8]; setp.ne.u32 %%r, %%lane, 3;%n".formatted(width, width, width));
            for (int i = 0; i < forms; i++) {
                body.append("""
                    setp.%1$s.%2$s %%p|%%q, %%a, %%b;
                    selp.b32 %%x, 1, 0, %%p; selp.b32 %%y, 2, 0, %%q; or.b32 %%x, %%x, %%y;
                    setp.%1$s.and.%2$s %%p, %%a, %%b, !%%r; selp.b32 %%y, 4, 0, %%p; or.b32 %%x, %%x, %%y;
                    setp.%1$s.or.%2$s %%p, %%a, %%b, %%r; selp.b32 %%y, 8, 0, %%p; or.b32 %%x, %%x, %%y;
                    setp.%1$s.xor.%2$s %%p|%%q, %%a, %%b, %%r; selp.b32 %%y, 16, 0, %%p; or.b32 %%x, %%x, %%y;
                    selp.b32 %%y, 32, 0, %%q; or.b32 %%x, %%x, %%y;
                    set.%1$s.u32.%2$s %%y, %%a, %%b; and.b32 %%y, %%y, 64; or.b32 %%x, %%x, %%y;
                    set.%1$s.f32.%2$s %%y, %%a, %%b; and.b32 %%y, %%y, 0x800000; shr.u32 %%y, %%y, 16; or.b32 %%x, %%x, %%y;
                    st.global.u32 [%%dst+%3$d], %%x;
                    """.formatted(t > 0 && i > 1 ? unsigned[i] : signed[i], type, 8 * i));
            }
            long[] in = new long[64];
            for (int i = 0; i < 64; i++) {
                in[i] = extend(i % 2 == 1 && random.nextInt(3) == 0 ? in[i - 1] : random.nextLong(), t);
            }
            long[] out = Ptx.kernel(body.toString()).run(in, forms);
            for (int lane = 0; lane < 32; lane++) {
                int order = compare(in[2 * lane], in[2 * lane + 1], t);
                boolean r = lane != 3;
                boolean[] holds = {order == 0, order != 0, order < 0, order <= 0, order > 0, order >= 0};
                for (int i = 0; i < forms; i++) {
                    boolean h = holds[i];
                    int expected = (h ? 1 : 2) | (h && !r ? 4 : 0) | (h || r ? 8 : 0) | (h ^ r ? 16 : 0) | (!h ^ r ? 32 : 0)
                        | (h ? 64 | 128 : 0);
                    assertEquals(expected, out[lane * forms + i], type + " " + signed[i] + " lane " + lane);
                }
            }
        }
    }

    @Test
    void slctSelectsBySign() {
        int[] out = Ptx.kernel("""
            .reg .b32 %c, %d; .reg .f32 %f; .reg .b64 %w;
            ld.global.b32 %c, [%src];
            slct.u32.s32 %d, 7, 9, %c;  st.global.b32 [%dst], %d;
            mov.b32 %f, %c;
            slct.u32.f32 %d, 7, 9, %f;  st.global.b32 [%dst+4], %d;
            slct.ftz.u32.f32 %d, 7, 9, %f;  st.global.b32 [%dst+8], %d;
            slct.b64.s32 %w, 7, 9, %c;  cvt.u32.u64 %d, %w; st.global.b32 [%dst+12], %d;
            """).launch(1, 5).run(new int[] {0, -1, 0x80000000, 0x3f800000, 0x80000001}, 4);
        int[] expected = {7, 7, 7, 7, 9, 9, 9, 9, 9, 7, 7, 9, 7, 7, 7, 7, 9, 9, 7, 9};
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], out[i], "result " + i);
        }
    }

    @Test
    void predicatesHaveLogicOfTheirOwn() {
        int[] out = Ptx.kernel("""
            .reg .pred %p, %q, %r; .reg .b32 %x, %y;
            and.b32 %x, %lane, 1; setp.eq.u32 %p, %x, 1;
            and.b32 %x, %lane, 2; setp.eq.u32 %q, %x, 2;
            mov.b32 %x, 0;
            and.pred %r, %p, %q;   selp.b32 %y, 1, 0, %r;  or.b32 %x, %x, %y;
            or.pred %r, %p, %q;    selp.b32 %y, 2, 0, %r;  or.b32 %x, %x, %y;
            xor.pred %r, %p, %q;   selp.b32 %y, 4, 0, %r;  or.b32 %x, %x, %y;
            not.pred %r, %p;       selp.b32 %y, 8, 0, %r;  or.b32 %x, %x, %y;
            mov.pred %r, %p;       selp.b32 %y, 16, 0, %r; or.b32 %x, %x, %y;
            and.pred %r, %p, !%q;  selp.b32 %y, 32, 0, %r; or.b32 %x, %x, %y;
            setp.ne.u32 _|%r, %lane, 5; selp.b32 %y, 64, 0, %r; or.b32 %x, %x, %y;
            st.global.b32 [%dst], %x;
            """).run(new int[32], 1);
        for (int lane = 0; lane < 32; lane++) {
            boolean p = (lane & 1) != 0;
            boolean q = (lane & 2) != 0;
            assertEquals((p && q ? 1 : 0) | (p || q ? 2 : 0) | (p ^ q ? 4 : 0) | (!p ? 8 : 0) | (p ? 16 : 0) | (p && !q ? 32 : 0)
                | (lane == 5 ? 64 : 0), out[lane]);
        }
    }

    @Test
    void movPacksAndUnpacks() {
        long[] out = Ptx.kernel("""
            .reg .b64 %w, %v; .reg .b32 %lo, %hi; .reg .b16 %h<4>;
            ld.global.b64 %w, [%src];
            mov.b64 {%lo, %hi}, %w;   mov.b64 %v, {%hi, %lo};          st.global.b64 [%dst], %v;
            mov.b64 {%h0, %h1, %h2, %h3}, %w; mov.b64 %v, {%h3, %h2, %h1, %h0}; st.global.b64 [%dst+8], %v;
            mov.b32 {%h0, %h1}, %lo;  mov.b32 %hi, {%h1, %h0};         st.global.b32 [%dst+16], %hi;
            mov.b64 {_, %hi}, %w;     st.global.b32 [%dst+20], %hi;
            """).launch(1, 1).run(new long[] {0x1122334455667788L}, 3);
        assertEquals(0x5566778811223344L, out[0]);
        assertEquals(0x7788556633441122L, out[1]);
        assertEquals(0x1122334477885566L, out[2]);
    }
}
