package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.conformance.Exact.Mode;

/** ldmatrix, stmatrix, movmatrix and wmma. */
class MatrixMemoryTest {
    /** Four 8x8 matrices of 16-bit elements in shared memory; row r of matrix i has its bytes at 128 i + 16 r. */
    private static final String FILL = """
        .shared .align 16 .b8 tile[512];
        .reg .b32 %base, %at, %value, %row;
        mov.u32 %base, tile;
        shl.b32 %at, %lane, 4;
        add.u32 %row, %base, %at;
        .reg .b32 %x<4>;
        ld.global.v4.b32 {%x0, %x1, %x2, %x3}, [%src];
        st.shared.v4.b32 [%row], {%x0, %x1, %x2, %x3};
        bar.sync 0;
        """;

    private static int[] elements() {
        int[] words = new int[128];
        for (int i = 0; i < 128; i++) {
            words[i] = 2 * i | (2 * i + 1) << 16;  // element e of the four matrices is its own number
        }
        return words;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void ldmatrixGivesEachLaneItsShareOfEachMatrix(int count) {
        for (boolean transposed : new boolean[] {false, true}) {
            String registers = count == 1 ? "{%r0}" : count == 2 ? "{%r0, %r1}" : "{%r0, %r1, %r2, %r3}";
            int[] out = Ptx.kernel(FILL + """
                .reg .b32 %%r<4>;
                mov.b32 %%r0, 0; mov.b32 %%r1, 0; mov.b32 %%r2, 0; mov.b32 %%r3, 0;
                ldmatrix.sync.aligned.m8n8.x%d%s.shared.b16 %s, [%%row];
                st.global.v4.b32 [%%dst], {%%r0, %%r1, %%r2, %%r3};
                """.formatted(count, transposed ? ".trans" : "", registers)).run(elements(), 4);
            for (int lane = 0; lane < 32; lane++) {
                for (int i = 0; i < count; i++) {
                    int row = lane / 4;
                    int column = 2 * (lane % 4);
                    int low = transposed ? 64 * i + 8 * column + row : 64 * i + 8 * row + column;
                    int high = transposed ? low + 8 : low + 1;
                    assertEquals(low | high << 16, out[4 * lane + i], "lane " + lane + " matrix " + i);
                }
            }
        }
    }

    @Test
    void ldmatrixMayOverwriteItsAddress() {
        int[] out = Ptx.kernel(FILL + """
            .reg .b32 %r<4>;
            ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%row, %r1, %r2, %r3}, [%row];
            st.global.v4.b32 [%dst], {%row, %r1, %r2, %r3};
            """).run(elements(), 4);
        assertEquals(64 * 3 + 8 * 7 + 6 | (64 * 3 + 8 * 7 + 7) << 16, out[4 * 31 + 3]);
        assertEquals(0 | 1 << 16, out[0]);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void stmatrixIsTheWayBack(int count) {
        for (String trans : new String[] {"", ".trans"}) {
            String registers = count == 1 ? "{%r0}" : count == 2 ? "{%r0, %r1}" : "{%r0, %r1, %r2, %r3}";
            int[] out = Ptx.kernel(FILL + """
                .reg .b32 %%r<4>;
                .shared .align 16 .b8 copy[512];
                mov.u32 %%base, copy;
                add.u32 %%value, %%base, %%at;
                st.shared.v4.b32 [%%value], {%%x3, %%x3, %%x3, %%x3};
                bar.sync 0;
                ldmatrix.sync.aligned.m8n8.x%1$d%2$s.shared.b16 %3$s, [%%row];
                stmatrix.sync.aligned.m8n8.x%1$d%2$s.shared.b16 [%%value], %3$s;
                bar.sync 0;
                ld.shared.v4.b32 {%%x0, %%x1, %%x2, %%x3}, [%%value];
                st.global.v4.b32 [%%dst], {%%x0, %%x1, %%x2, %%x3};
                """.formatted(count, trans, registers)).run(elements(), 4);
            for (int i = 0; i < 32 * count; i++) {
                assertEquals(elements()[i], out[i]);
            }
        }
    }

    @Test
    void movmatrixTransposes() {
        int[] out = Ptx.kernel("""
            .reg .b32 %a;
            ld.global.b32 %a, [%src];
            movmatrix.sync.aligned.m8n8.trans.b16 %a, %a;
            st.global.b32 [%dst], %a;
            """).run(java.util.Arrays.copyOf(elements(), 32), 1);
        for (int lane = 0; lane < 32; lane++) {
            int row = lane / 4;
            int column = 2 * (lane % 4);
            assertEquals(8 * column + row | (8 * (column + 1) + row) << 16, out[lane]);
        }
    }

    @Test
    void aRowThatIsNotAlignedIsReported() {
        String report = Ptx.kernel(FILL + """
            .reg .b32 %r<4>;
            add.u32 %row, %row, 8;
            ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%row];
            """).fails(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, elements(), 1);
        assertTrue(report.contains("multiple of 16"), report);
    }

    @Test
    void lanesThatCameApartMeetAtAnAlignedInstruction() {
        // Under an adversarial schedule warps are cut in pieces; ldmatrix and mma must gather them again.
        try {
            for (int seed = 1; seed < 30; seed++) {
                SoftwareDriver.scheduleSeed(seed);
                int[] out = Ptx.kernel(FILL + """
                    .reg .b32 %r<4>; .reg .pred %p;
                    and.b32 %value, %lane, 1;
                    setp.eq.u32 %p, %value, 0;
                    @%p bra EVEN;
                    add.u32 %value, %value, 1;
                    EVEN:
                    ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%row];
                    movmatrix.sync.aligned.m8n8.trans.b16 %r0, %r0;
                    st.global.b32 [%dst], %r0;
                    """).run(elements(), 1);
                assertEquals(0 | 8 << 16, out[0], "seed " + seed);
                assertEquals(8 * 6 + 7 | (8 * 7 + 7) << 16, out[31], "seed " + seed);
            }
        } finally {
            SoftwareDriver.scheduleSeed(0);
        }
    }

    record Wmma(int m, int n, int k, String a, String d, String c, String aLayout, String bLayout, String cLayout) {
        String shape() {
            return "m" + m + "n" + n + "k" + k;
        }
    }

    static List<Wmma> wmma() {
        List<Wmma> all = new ArrayList<>();
        int[][] shapes = {{16, 16, 16}, {32, 8, 16}, {8, 32, 16}};
        for (String a : new String[] {"row", "col"}) {
            for (String b : new String[] {"row", "col"}) {
                for (String c : new String[] {"row", "col"}) {
                    for (int[] s : shapes) {
                        for (String types : new String[] {"f16 f32 f32", "f16 f16 f16", "f16 f32 f16", "bf16 f32 f32", "s8 s32 s32", "u8 s32 s32"}) {
                            String[] t = types.split(" ");
                            all.add(new Wmma(s[0], s[1], s[2], t[0], t[1], t[2], a, b, c));
                        }
                    }
                    all.add(new Wmma(16, 16, 8, "tf32", "f32", "f32", a, b, c));
                    all.add(new Wmma(8, 8, 4, "f64", "f64", "f64", a, b, c));
                }
            }
        }
        all.add(new Wmma(8, 8, 32, "s4", "s32", "s32", "row", "col", "row"));
        all.add(new Wmma(8, 8, 32, "u4", "s32", "s32", "row", "col", "col"));
        return all;
    }

    private static int bits(String type) {
        return type.equals("tf32") ? 32 : Integer.parseInt(type.replaceAll("\\D", ""));
    }

    private static String list(String prefix, int count) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            names.add(prefix + i);
        }
        return "{" + String.join(", ", names) + "}";
    }

    private static long encode(String type, long value) {
        var x = Exact.value(BigInteger.valueOf(value));
        return switch (type) {
            case "f16" -> Exact.round(x, Exact.F16, Mode.RN);
            case "bf16" -> Exact.round(x, Exact.BF16, Mode.RN);
            case "f32", "tf32" -> Exact.round(x, Exact.F32, Mode.RN);
            case "f64" -> Exact.round(x, Exact.F64, Mode.RN);
            default -> value & (1L << bits(type)) - 1;
        };
    }

    /** Puts a matrix at a byte offset, with a stride that is larger than it must be. */
    private static void put(byte[] memory, int offset, long[][] matrix, String type, String layout, int stride) {
        int bits = bits(type);
        for (int i = 0; i < matrix.length; i++) {
            for (int j = 0; j < matrix[0].length; j++) {
                int index = layout.equals("row") ? i * stride + j : j * stride + i;
                long value = encode(type, matrix[i][j]);
                if (bits < 8) {
                    memory[offset + index * bits / 8] |= (byte) (value << (index * bits % 8));
                }
                for (int b = 0; b < bits / 8; b++) {
                    memory[offset + index * bits / 8 + b] = (byte) (value >>> (8 * b));
                }
            }
        }
    }

    private static long get(int[] words, int offset, String type, int index) {
        int bits = bits(type);
        int at = offset * 8 + index * bits;
        long word = words[at / 32] & 0xffffffffL;
        return bits == 64 ? word | (long) words[at / 32 + 1] << 32 : word >>> (at % 32) & (1L << bits) - 1;
    }

    @ParameterizedTest
    @MethodSource("wmma")
    void wmmaMultipliesMatricesInMemory(Wmma w) {
        SplittableRandom random = new SplittableRandom(w.hashCode());
        long[][] a = new long[w.m][w.k];
        long[][] b = new long[w.k][w.n];
        long[][] c = new long[w.m][w.n];
        int low = w.a.startsWith("u") ? 0 : -8;
        for (long[][] matrix : new long[][][] {a, b, c}) {
            for (long[] row : matrix) {
                for (int j = 0; j < row.length; j++) {
                    row[j] = random.nextInt(low, 8);
                }
            }
        }
        int stride = 48;
        byte[] memory = new byte[4 * 32 * 512];
        int bOffset = 16384;
        int cOffset = 32768;
        put(memory, 0, a, w.a, w.aLayout, stride);
        put(memory, bOffset, b, w.a, w.bLayout, stride);
        put(memory, cOffset, c, w.c, w.cLayout, stride);
        int[] in = new int[memory.length / 4];
        for (int i = 0; i < memory.length; i++) {
            in[i / 4] |= (memory[i] & 0xff) << (8 * (i % 4));
        }
        int aRegisters = w.a.equals("f16") ? 8 : Math.max(w.m * w.k * bits(w.a) / (bits(w.a) == 64 ? 64 : 32) / 32, 1);
        int bRegisters = w.a.equals("f16") ? 8 : Math.max(w.k * w.n * bits(w.a) / (bits(w.a) == 64 ? 64 : 32) / 32, 1);
        int cRegisters = w.m * w.n * bits(w.c) / (bits(w.c) == 64 ? 64 : 32) / 32;
        int dRegisters = w.m * w.n * bits(w.d) / (bits(w.d) == 64 ? 64 : 32) / 32;
        String width = bits(w.a) == 64 ? "64" : "32";
        String types = w.a.equals("f16") ? w.d + "." + w.c : w.d + "." + w.a + "." + w.a + "." + w.c;
        String rounding = w.a.equals("f64") ? ".rn" : "";
        String body = """
            .reg .b%1$s %%a<8>, %%b<8>; .reg .b%2$s %%c<8>, %%d<8>;
            .reg .u64 %%at; .reg .b32 %%stride;
            mov.u32 %%stride, 48;
            wmma.load.a.sync.aligned.%3$s.%4$s.global.%5$s %6$s, [%%in], %%stride;
            add.u64 %%at, %%in, 16384;
            wmma.load.b.sync.aligned.%7$s.%4$s.%5$s %8$s, [%%at], %%stride;
            wmma.load.c.sync.aligned.%9$s.%4$s.global.%10$s %11$s, [%%at+16384], %%stride;
            wmma.mma.sync.aligned.%3$s.%7$s.%4$s.%12$s%13$s %14$s, %6$s, %8$s, %11$s;
            wmma.store.d.sync.aligned.%9$s.%4$s.global.%15$s [%%out], %14$s, %%stride;
            """.formatted(width, bits(w.d) == 64 ? "64" : "32", w.aLayout, w.shape(), w.a, list("%a", aRegisters), w.bLayout,
                list("%b", bRegisters), w.cLayout, w.c, list("%c", cRegisters), types, rounding, list("%d", dRegisters), w.d);
        int[] out = Ptx.kernel(body).run(in, 128);
        for (int i = 0; i < w.m; i++) {
            for (int j = 0; j < w.n; j++) {
                long sum = c[i][j];
                for (int k = 0; k < w.k; k++) {
                    sum += a[i][k] * b[k][j];
                }
                int index = w.cLayout.equals("row") ? i * stride + j : j * stride + i;
                assertEquals(encode(w.d, sum), get(out, 0, w.d, index), w + " at " + i + ", " + j);
            }
        }
    }

    @Test
    void wmmaWorksOnSharedMemoryToo() {
        int[] in = new int[32 * 4];
        SplittableRandom random = new SplittableRandom(4);
        for (int i = 0; i < in.length; i++) {
            in[i] = (int) (encode("f16", random.nextInt(9)) | encode("f16", random.nextInt(9)) << 16);
        }
        int[] out = Ptx.kernel("""
            .shared .align 32 .b8 tile[512];
            .reg .b32 %x<4>, %a<8>, %at, %base; .reg .f32 %c<8>;
            mov.u32 %base, tile;
            shl.b32 %at, %lane, 4;
            add.u32 %at, %at, %base;
            ld.global.v4.b32 {%x0, %x1, %x2, %x3}, [%src];
            st.shared.v4.b32 [%at], {%x0, %x1, %x2, %x3};
            bar.sync 0;
            mov.u32 %x0, 16;
            wmma.load.a.sync.aligned.col.m16n16k16.shared.f16 {%a0,%a1,%a2,%a3,%a4,%a5,%a6,%a7}, [%base], %x0;
            bar.sync 0;
            wmma.store.d.sync.aligned.row.m16n16k16.shared.f16 [%base], {%a0,%a1,%a2,%a3}, %x0;
            bar.sync 0;
            ld.shared.v4.b32 {%x0, %x1, %x2, %x3}, [%at];
            st.global.v4.b32 [%dst], {%x0, %x1, %x2, %x3};
            """).run(in, 4);
        // The fragments of a and d agree in where they keep a 16x16 matrix, up to the order of their registers: a lane
        // that got element (i, j) of the transposed matrix stores it at a place of its own.
        int[] sortedIn = halves(in);
        int[] sortedOut = halves(out);
        assertArrayEquals(sortedIn, sortedOut);
    }

    private static int[] halves(int[] words) {
        int[] all = new int[2 * words.length];
        for (int i = 0; i < words.length; i++) {
            all[2 * i] = words[i] & 0xffff;
            all[2 * i + 1] = words[i] >>> 16;
        }
        java.util.Arrays.sort(all);
        return all;
    }
}
