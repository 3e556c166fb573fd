package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.testing.SoftwareDevice;

/** Loads, stores, atomics, address spaces and memory order. */
class MemoryTest {
    @AfterEach
    void inOrder() {
        SoftwareDriver.scheduleSeed(0);
    }

    static List<String> loads() {
        List<String> all = new ArrayList<>();
        for (String cache : new String[] {"", ".ca", ".cg", ".cs", ".lu", ".cv", ".nc", ".ca.nc", ".cg.nc", ".L1::evict_normal", ".L1::evict_unchanged",
            ".L1::evict_first", ".L1::evict_last", ".L1::no_allocate", ".nc.L1::no_allocate", ".L2::64B", ".L2::128B",
            ".L2::256B", ".L1::no_allocate.L2::128B"}) {
            String name = cache.startsWith(".c") && cache.endsWith(".nc") ? "ld.global" + cache : "ld.global" + cache;
            all.add(name);
        }
        for (String order : new String[] {".volatile.global", ".relaxed.gpu.global", ".relaxed.cta.global", ".relaxed.sys.global",
            ".acquire.gpu.global", ".acquire.cta.global", ".acquire.sys.global", ".weak.global", ".volatile", ".relaxed.gpu", ""}) {
            all.add("ld" + order);
        }
        return all;
    }

    private static final String[] STORES = {"st.global", "st.global.wb", "st.global.cg", "st.global.cs", "st.global.wt",
        "st.volatile.global", "st.relaxed.gpu.global", "st.release.sys.global", "st.weak.global", "st", "st.global.L1::no_allocate"};

    @ParameterizedTest
    @MethodSource("loads")
    void cacheHintsAndOrdersMoveTheSameBytes(String load) {
        int[] in = new SplittableRandom(1).ints(128).toArray();
        boolean vectors = !load.contains("acquire");
        for (String store : STORES) {
            String body = vectors ? """
                .reg .b32 %%x<4>;
                %1$s.v4.b32 {%%x0, %%x1, %%x2, %%x3}, [%%src];
                %2$s.v2.b32 [%%dst], {%%x0, %%x1}; %2$s.b32 [%%dst+8], %%x2; %2$s.b32 [%%dst+12], %%x3;
                """ : """
                .reg .b32 %%x<4>;
                %1$s.b32 %%x0, [%%src]; %1$s.b32 %%x1, [%%src+4]; %1$s.b32 %%x2, [%%src+8]; %1$s.b32 %%x3, [%%src+12];
                %2$s.b32 [%%dst], %%x0; %2$s.b32 [%%dst+4], %%x1; %2$s.b32 [%%dst+8], %%x2; %2$s.b32 [%%dst+12], %%x3;
                """;
            int[] out = Ptx.kernel(body.formatted(load, store)).run(in, 4);
            assertEquals(java.util.Arrays.toString(in), java.util.Arrays.toString(out), load + ", " + store);
        }
    }

    @Test
    void everyWidthExtendsAsItsTypeSays() {
        long value = 0x8192a3b4c5d6e7f8L;
        String[] types = {"u8", "s8", "b8", "u16", "s16", "b16", "u32", "s32", "b32", "u64", "s64", "b64"};
        for (String type : types) {
            int width = Integer.parseInt(type.substring(1));
            for (int register : new int[] {16, 32, 64}) {
                if (register < width) {
                    continue;
                }
                long[] out = Ptx.kernel("""
                    .reg .b%1$d %%x; .reg .b64 %%w;
                    ld.global.%2$s %%x, [%%src];
                    cvt.s64.s%1$d %%w, %%x;
                    st.global.b64 [%%dst], %%w;
                    st.global.b64 [%%dst+8], 0;
                    st.global.%2$s [%%dst+8], %%x;
                    """.formatted(register, type).replace("cvt.s64.s64", "mov.b64").replace("st.global.b64 [%dst+8], 0", "st.global.b64 [%dst+8], 0")).launch(1, 1).run(new long[] {value}, 2);
                boolean signed = type.startsWith("s");
                long expected = width == 64 ? value : signed ? value << (64 - width) >> (64 - width) : value & (1L << width) - 1;
                if (register < 64) {
                    expected = expected << (64 - register) >> (64 - register);  // by the cvt
                }
                assertEquals(Long.toHexString(expected), Long.toHexString(out[0]), type + " in " + register);
                assertEquals(width == 64 ? value : value & (1L << width) - 1, out[1], type + " back");
            }
        }
    }

    @Test
    void vectorsOfEveryShape() {
        long[] in = new SplittableRandom(2).longs(4).toArray();
        for (String shape : new String[] {"v2.b8", "v4.b8", "v2.b16", "v4.b16", "v2.b32", "v4.b32", "v2.b64"}) {
            int n = shape.charAt(1) - '0';
            int width = Integer.parseInt(shape.substring(4));
            StringBuilder list = new StringBuilder("{");
            for (int i = 0; i < n; i++) {
                list.append(i > 0 ? ", " : "").append("%x").append(i);
            }
            long[] out = Ptx.kernel((".reg .b%d %%x<4>; ld.global.%s %s}, [%%src+16]; st.global.%s [%%dst], %s};")
                .formatted(Math.max(width, 16), shape, list, shape, list)).launch(1, 1).run(in, 2);
            int bits = n * width;
            assertEquals(bits >= 64 ? in[2] : in[2] & (1L << bits) - 1, out[0], shape);
            assertEquals(bits == 128 ? in[3] : 0, out[1], shape);
        }
        long[] out = Ptx.kernel(".reg .b32 %x; ld.global.v2.b32 {_, %x}, [%src]; st.global.b32 [%dst], %x;").launch(1, 1).run(in, 1);
        assertEquals(in[0] >>> 32, out[0]);
    }

    @Test
    void addressSpacesAreToldApart() {
        int[] out = Ptx.kernel("""
            .shared .align 8 .b8 sh[64]; .local .align 8 .b8 lo[64];
            .reg .b64 %s, %l, %g, %c; .reg .b32 %x, %y, %z; .reg .pred %p;
            mov.u64 %s, sh; cvta.shared.u64 %s, %s;
            mov.u64 %l, lo; cvta.local.u64 %l, %l;
            mov.u64 %g, gl; cvta.global.u64 %g, %g;
            mov.u64 %c, co; cvta.const.u64 %c, %c;
            mov.b32 %x, 0;
            isspacep.shared %p, %s; selp.b32 %y, 1, 0, %p; or.b32 %x, %x, %y;
            isspacep.local %p, %l;  selp.b32 %y, 2, 0, %p; or.b32 %x, %x, %y;
            isspacep.global %p, %g; selp.b32 %y, 4, 0, %p; or.b32 %x, %x, %y;
            isspacep.global %p, %s; selp.b32 %y, 8, 0, %p; or.b32 %x, %x, %y;
            isspacep.shared %p, %l; selp.b32 %y, 16, 0, %p; or.b32 %x, %x, %y;
            isspacep.local %p, %g;  selp.b32 %y, 32, 0, %p; or.b32 %x, %x, %y;
            isspacep.shared::cta %p, %s; selp.b32 %y, 64, 0, %p; or.b32 %x, %x, %y;
            st.global.u32 [%dst], %x;
            // through generic addresses, each lands in its own space
            st.u32 [%s], 11; st.u32 [%l], 12;
            ld.shared.u32 %x, [sh]; ld.local.u32 %y, [lo]; ld.u32 %z, [%g]; add.u32 %x, %x, %y; add.u32 %x, %x, %z;
            ld.u32 %z, [%c]; add.u32 %x, %x, %z;
            ld.const.u32 %z, [co+4]; add.u32 %x, %x, %z;
            st.global.u32 [%dst+4], %x;
            cvta.to.shared.u64 %s, %s; cvt.u32.u64 %y, %s; ld.shared.u32 %x, [%y]; st.global.u32 [%dst+8], %x;
            """).declare(".global .align 4 .u32 gl = 100;\n.const .align 4 .u32 co[2] = {1000, 10000};").launch(1, 1).run(new int[1], 3);
        assertEquals(1 | 2 | 4 | 64, out[0]);
        assertEquals(11123, out[1]);
        assertEquals(11, out[2]);
    }

    @Test
    void initialisersHoldAddressesAndAllSorts() {
        long[] out = Ptx.kernel("""
            .reg .b64 %a, %b; .reg .b32 %x; .reg .f32 %f; .reg .f64 %d;
            ld.global.u64 %a, [pointer]; ld.u32 %x, [%a]; st.global.u64 [%dst], 0; st.global.u32 [%dst], %x;
            ld.global.u64 %a, [pointer+8]; ld.u32 %x, [%a]; st.global.u64 [%dst+8], 0; st.global.u32 [%dst+8], %x;
            ld.global.u64 %a, [bytes]; st.global.u64 [%dst+16], %a;
            ld.global.f32 %f, [floats+4]; st.global.u64 [%dst+24], 0; st.global.f32 [%dst+24], %f;
            ld.global.f64 %d, [real]; st.global.f64 [%dst+32], %d;
            ld.global.u32 %x, [two+12]; st.global.u64 [%dst+40], 0; st.global.u32 [%dst+40], %x;
            """).declare("""
            .global .align 4 .u32 target[4] = {1, 2, 3, 4};
            .global .align 8 .u64 pointer[2] = {generic(target)+8, target+4};
            .global .align 8 .b8 bytes[8] = {1, 2, 3, 4, 255, 0x10, -1, 7};
            .global .align 4 .f32 floats[2] = {0f3F800000, 2.5};
            .global .f64 real = 0d4000000000000000;
            .global .align 4 .u32 two[2][2] = {{1, 2}, {3, 9}};
            """).launch(1, 1).run(new long[1], 6);
        assertEquals(3, out[0]);
        assertEquals(2, out[1]);
        assertEquals(0x07ff10ff04030201L, out[2]);
        assertEquals(Float.floatToRawIntBits(2.5f), out[3]);
        assertEquals(2.0, Double.longBitsToDouble(out[4]));
        assertEquals(9, out[5]);
    }

    record Atomic(String operation, String type, java.util.function.LongBinaryOperator fold) {
    }

    static List<Atomic> atomics() {
        List<Atomic> all = new ArrayList<>();
        for (String type : new String[] {"u32", "s32", "u64"}) {
            all.add(new Atomic("add", type, Long::sum));
        }
        for (String type : new String[] {"b32", "b64"}) {
            all.add(new Atomic("and", type, (a, b) -> a & b));
            all.add(new Atomic("or", type, (a, b) -> a | b));
            all.add(new Atomic("xor", type, (a, b) -> a ^ b));
        }
        for (String type : new String[] {"u32", "s32", "u64", "s64"}) {
            boolean signed = type.startsWith("s");
            all.add(new Atomic("min", type, (a, b) -> (signed ? Long.compare(a, b) : Long.compareUnsigned(a, b)) < 0 ? a : b));
            all.add(new Atomic("max", type, (a, b) -> (signed ? Long.compare(a, b) : Long.compareUnsigned(a, b)) > 0 ? a : b));
        }
        return all;
    }

    @ParameterizedTest
    @MethodSource("atomics")
    void atomicsLoseNothing(Atomic a) {
        int width = Integer.parseInt(a.type.substring(1));
        SplittableRandom random = new SplittableRandom(a.hashCode());
        long[] in = new long[512];
        for (int i = 0; i < in.length; i++) {
            in[i] = a.type.equals("s32") ? random.nextInt() : a.type.endsWith("32") ? random.nextInt() & 0xffffffffL : random.nextLong();
        }
        for (String space : new String[] {"global", "shared", "generic"}) {
            for (String kind : new String[] {"atom", "red"}) {
                for (String scope : new String[] {"", ".relaxed.gpu", ".acq_rel.sys", ".cta", ".release.cta"}) {
                    String name = kind + scope + (space.equals("generic") ? "" : "." + space) + "." + a.operation + "." + a.type;
                    String where = space.equals("generic") ? "%cell" : space.equals("global") ? "cell" : "sh";
                    String body = """
                        .shared .align 8 .b8 sh[8];
                        .reg .b%1$d %%x, %%old; .reg .b64 %%cell; .reg .pred %%p;
                        mov.u64 %%cell, cell;
                        ld.global.b%1$d %%x, [%%src];
                        setp.ne.u32 %%p, %%id, 0;
                        @%%p bra READY;
                        ld.global.b%1$d %%old, [cell];
                        st.shared.b%1$d [sh], %%old;
                        READY: bar.sync 0;
                        %2$s %3$s[%4$s], %%x;
                        bar.sync 0;
                        ld.%5$s.b%1$d %%x, [%6$s];
                        st.global.b%1$d [%%dst], %%x;
                        """.formatted(width, name, kind.equals("atom") ? "%old, " : "", where,
                        space.equals("shared") ? "shared" : "global", space.equals("shared") ? "sh" : "cell");
                    long[] out = Ptx.kernel(body).declare(".global .align 8 .b64 cell = 12345;").launch(1, 512).run(in, 1);
                    long expected = 12345;
                    for (long x : in) {
                        expected = a.fold.applyAsLong(expected, x);
                    }
                    assertEquals(width == 32 ? expected & 0xffffffffL : expected, out[0], name);
                }
            }
        }
    }

    @Test
    void exchangeCompareIncrementDecrement() {
        int[] out = Ptx.kernel("""
            .reg .b32 %o, %x; .reg .b64 %w; .reg .b16 %h;
            atom.global.exch.b32 %o, [cell], 9;       st.global.u32 [%dst], %o;
            atom.global.cas.b32 %o, [cell], 9, 10;    st.global.u32 [%dst+4], %o;
            atom.global.cas.b32 %o, [cell], 9, 11;    st.global.u32 [%dst+8], %o;
            atom.global.inc.u32 %o, [cell], 10;       st.global.u32 [%dst+12], %o;
            atom.global.inc.u32 %o, [cell], 10;       st.global.u32 [%dst+16], %o;
            atom.global.dec.u32 %o, [cell], 7;        st.global.u32 [%dst+20], %o;
            atom.global.dec.u32 %o, [cell], 7;        st.global.u32 [%dst+24], %o;
            atom.global.dec.u32 %o, [cell], 7;        st.global.u32 [%dst+28], %o;
            atom.global.exch.b64 %w, [wide], 5;       cvt.u32.u64 %o, %w; st.global.u32 [%dst+32], %o;
            atom.global.cas.b64 %w, [wide], 5, 6;     cvt.u32.u64 %o, %w; st.global.u32 [%dst+36], %o;
            ld.global.u32 %o, [wide];                 st.global.u32 [%dst+40], %o;
            mov.b16 %h, 3;
            atom.global.cas.b16 %h, [cell+2], 0, %h;  ld.global.u32 %o, [cell]; st.global.u32 [%dst+44], %o;
            """).declare(".global .align 4 .u32 cell = 8; .global .u64 wide = 4;").launch(1, 1).run(new int[1], 12);
        assertEquals("[8, 9, 10, 10, 0, 1, 0, 7, 4, 5, 6, " + (6 | 3 << 16) + "]", java.util.Arrays.toString(out));
    }

    @ParameterizedTest
    @ValueSource(strings = {"f32", "f64", "noftz.f16", "noftz.f16x2", "noftz.bf16", "noftz.bf16x2"})
    void floatingPointSums(String type) {
        String bits = type.endsWith("x2") || type.equals("f32") ? "32" : type.equals("f64") ? "64" : "16";
        String one = switch (type) {
            case "f32" -> "0x3f800000";
            case "f64" -> "0x3ff0000000000000";
            case "noftz.f16" -> "0x3c00";
            case "noftz.bf16" -> "0x3f80";
            case "noftz.f16x2" -> "0x40003c00";  // 1 and 2
            default -> "0x40003f80";
        };
        long expected = switch (type) {
            case "f32" -> Float.floatToRawIntBits(64);
            case "f64" -> Double.doubleToRawLongBits(64);
            case "noftz.f16" -> 0x5400;
            case "noftz.bf16" -> 0x4280;
            case "noftz.f16x2" -> 0x58005400L;
            default -> 0x43004280L;
        };
        for (String space : new String[] {"global", "shared"}) {
            for (String kind : new String[] {"atom", "red"}) {
                String cell = space.equals("global") ? "cell" : "sh";
                long[] out = Ptx.kernel("""
                    .shared .align 8 .b64 sh; .reg .b%1$s %%x, %%o; .reg .b64 %%z; .reg .pred %%p;
                    setp.eq.u32 %%p, %%id, 0; mov.b64 %%z, 0; @%%p st.shared.b64 [sh], %%z; bar.sync 0;
                    mov.b%1$s %%x, %2$s;
                    %3$s.%4$s.add.%5$s %6$s[%7$s], %%x;
                    bar.sync 0;
                    ld.%4$s.b%1$s %%x, [%7$s]; st.global.b%1$s [%%dst], %%x;
                    """.formatted(bits, one, kind, space, type, kind.equals("atom") ? "%o, " : "", cell))
                    .declare(".global .align 8 .b64 cell = 0;").launch(1, 64).run(new long[64], 1);
                assertEquals(expected, out[0], kind + "." + space + "." + type);
            }
        }
    }

    @Test
    void messagesPassBetweenBlocks() {
        // Data stored before a release is seen by whoever acquired the flag, under every schedule.
        for (long seed = 0; seed < 12; seed++) {
            SoftwareDriver.scheduleSeed(seed);
            int[] out = Ptx.kernel("""
                .reg .b32 %x, %c; .reg .b64 %at; .reg .pred %p;
                mov.u32 %c, %ctaid.x;
                shr.u32 %x, %c, 1; mad.wide.u32 %at, %x, 8, mail;
                and.b32 %x, %c, 1; setp.eq.u32 %p, %x, 0;
                @%p bra WRITE;
                SPIN: ld.relaxed.gpu.global.u32 %x, [%at+4]; setp.eq.u32 %p, %x, 0; @%p bra SPIN;
                fence.acq_rel.gpu;
                ld.global.u32 %x, [%at];
                bra DONE;
                WRITE: add.u32 %x, %c, 7;
                st.global.u32 [%at], %x;
                membar.gl;
                st.volatile.global.u32 [%at+4], 1;
                DONE: st.global.u32 [%dst], %x;
                """).declare(".global .align 8 .b8 mail[256];").launch(64, 1).run(new int[64], 1);
            for (int i = 0; i < 64; i++) {
                assertEquals((i & ~1) + 7, out[i], "seed " + seed);
            }
        }
    }

    /** 16 bytes as one, as cuda::atomic and atomicCAS of __int128 use them. */
    @Test
    void wordsOf128Bits() {
        long[] out = Ptx.kernel("""
            .reg .b128 %v, %w, %old; .reg .b64 %a, %b;
            mov.b64 %a, 5; mov.b64 %b, 6; mov.b128 %v, {%a, %b};
            atom.exch.acquire.gpu.b128 %old, [%src], %v; mov.b128 {%a, %b}, %old;
            st.global.v2.b64 [%dst], {%a, %b};
            mov.b64 %a, 7; mov.b128 %w, {%a, %a};
            atom.global.cas.b128 %old, [%src], %w, %w; mov.b128 {%a, %b}, %old; st.global.v2.b64 [%dst+16], {%a, %b};
            atom.global.cas.b128 %old, [%src], %v, %w; mov.b128 {%b, %a}, %old; st.global.v2.b64 [%dst+32], {%a, %b};
            ld.acquire.gpu.b128 %old, [%src]; mov.b128 %v, %old; st.relaxed.gpu.b128 [%dst+48], %v;
            mov.b128 {%a, %b}, %v; mov.b128 %v, {%b, %a}; mov.b128 {%a, _}, %v; st.global.b64 [%dst+64], %a;
            ld.volatile.global.b64 %b, [%src+8]; st.global.b64 [%dst+72], %b;
            """).launch(1, 64).run(new java.util.SplittableRandom(3).longs(128).toArray(), 10);
        long[] in = new java.util.SplittableRandom(3).longs(128).toArray();
        for (int i = 0; i < 64; i++) {
            long[] expected = {in[2 * i], in[2 * i + 1], 5, 6, 6, 5, 7, 7, 7, 7};
            for (int k = 0; k < 10; k++) {
                assertEquals(expected[k], out[10 * i + k], "thread " + i + ", word " + k);
            }
        }
    }

    /** Two words that always agree, as they are only ever exchanged together by blocks on several CPU threads. */
    @Test
    void wordsOf128BitsAreNeverTorn() {
        int[] out = Ptx.kernel("""
            .reg .b128 %v, %w; .reg .b64 %a, %b; .reg .b32 %n, %bad; .reg .pred %p;
            mov.b32 %n, 0; mov.b32 %bad, 0; cvt.u64.u32 %a, %id; mov.b128 %v, {%a, %a};
            AGAIN: atom.global.exch.b128 %w, [cell], %v; mov.b128 {%a, %b}, %w; setp.ne.b64 %p, %a, %b; @%p add.u32 %bad, %bad, 1;
            st.relaxed.gpu.global.b128 [cell], %v;
            ld.relaxed.gpu.global.b128 %w, [cell]; mov.b128 {%a, %b}, %w; setp.ne.b64 %p, %a, %b; @%p add.u32 %bad, %bad, 1;
            add.u32 %n, %n, 1; setp.lt.u32 %p, %n, 200; @%p bra AGAIN;
            st.global.u32 [%dst], %bad;
            """).declare(".global .align 16 .b8 cell[16];").launch(8, 32).run(new int[256], 1);
        assertEquals(0, java.util.Arrays.stream(out).sum());
    }

    @Test
    void registersOf128BitsAreForMovesAndAtomicsOnly() {
        for (String wrong : new String[] {"add.b128 %v, %v, %v", "mov.b64 %a, %v", "st.global.b64 [%dst], %v", "mov.b128 %v, 5",
            "mov.b128 %v, {%x, %x}", "atom.global.add.b128 %v, [%src], %v", "ld.global.v2.b128 {%v, %v}, [%src]", "ld.global.b32 %v, [%src]",
            "selp.b128 %v, %v, %v, %p", "st.global.b128 [%dst], %a", "ld.global.u32 %x, [%v]"}) {
            String report = Ptx.kernel(".reg .b128 %v; .reg .b64 %a; .reg .b32 %x; .reg .pred %p;\n" + wrong + ";").isRefused();
            assertTrue(report.contains("line 22"), wrong + ": " + report);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"v2.f32", "v4.f32", "noftz.v2.f16x2", "noftz.v4.bf16"})
    void vectorsOfSums(String type) {
        int n = type.contains("v4") ? 4 : 2;
        int width = type.endsWith("bf16") ? 2 : 4;
        int one = type.endsWith("f32") ? Float.floatToRawIntBits(1) : type.endsWith("f16x2") ? 0x40003c00 : 0x3f80;
        int sum = type.endsWith("f32") ? Float.floatToRawIntBits(96) : type.endsWith("f16x2") ? 0x5a005600 : 0x42c0;
        String values = n == 4 ? "{%v, %w, %v, %w}" : "{%v, %w}";
        String old = n == 4 ? "{%w, %o, %o, %v}" : "{%w, %v}";  // results that are values too
        int[] out = Ptx.kernel("""
            .reg .b%1$d %%v, %%w, %%o; .reg .b32 %%x;
            mov.b%1$d %%v, %2$d; mov.b%1$d %%w, 0;
            red.global.add.%3$s [cell], %4$s;
            red.relaxed.gpu.global.add.%3$s [cell], %4$s;
            atom.global.add.%3$s %5$s, [cell], %4$s;
            bar.sync 0;
            ld.global.b32 %%x, [cell]; st.global.b32 [%%dst], %%x; ld.global.b32 %%x, [cell+%6$d]; st.global.b32 [%%dst+4], %%x;
            """.formatted(8 * width, one, type, values, old, width == 2 ? 4 : 8)).declare(".global .align 16 .b8 cell[16];")
            .launch(1, 32).run(new int[32], 2);
        assertEquals(sum, out[0] & (width == 2 ? 0xffff : -1), type);
        assertEquals(n == 4 ? sum : 0, out[1] & (width == 2 ? 0xffff : -1), type);
        if (width == 2) {
            assertEquals(0, out[0] >>> 16, type);
        }
    }

    /**
     * Plain accesses of blocks to the same elements, on several CPU threads: whatever comes is what one of them stored.
     * Between the elements of a vector there is no such promise.
     */
    @ParameterizedTest
    @ValueSource(strings = {"b64", "v2.b64", "v4.b32", "v2.b32"})
    void wordsThatBlocksShareAreNeverTorn(String shape) {
        boolean words = shape.endsWith("32");
        int size = shape.startsWith("b") ? 8 : (shape.charAt(1) - '0') * (words ? 4 : 8);
        String value = switch (shape) {
            case "b64" -> "%w";
            case "v2.b64" -> "{%w, %w}";
            case "v4.b32" -> "{%c, %c, %c, %c}";
            default -> "{%c, %c}";
        };
        String got = value.replace("%c, %c, %c, %c", "%x, %y, %x, %y").replace("%c, %c", "%x, %y")
            .replace("%w, %w", "%v, %v").replace("%w", "%v");
        int[] out = SoftwareDevice.without(Check.GLOBAL_RACES, () -> Ptx.kernel("""
            .reg .b32 %%c, %%x, %%y, %%n, %%bad; .reg .b64 %%w, %%v, %%row, %%one; .reg .pred %%p, %%q;
            mov.u32 %%c, %%ctaid.x; mov.b64 %%w, {%%c, %%c}; mov.b32 %%n, 0; mov.b32 %%bad, 0;
            mad.wide.u32 %%row, %%lane, %1$d, shared; shl.b32 %%x, %%lane, 5; and.b32 %%x, %%x, 0x3e0; mad.wide.u32 %%one, %%x, 1, shared;
            AGAIN: st.global.%2$s [%%row], %3$s;
            ld.global.%2$s %4$s, [%%one]; %5$s setp.%6$s.u32 %%p, %%y, %7$s; setp.ge.u32 %%q, %%x, 8; or.pred %%p, %%p, %%q; @%%p add.u32 %%bad, %%bad, 1;
            ld.global.%2$s %4$s, [%%row]; %5$s setp.%6$s.u32 %%p, %%y, %7$s; @%%p add.u32 %%bad, %%bad, 1;
            st.global.%2$s [%%one], %3$s;
            add.u32 %%n, %%n, 1; setp.lt.u32 %%p, %%n, 300; @%%p bra AGAIN;
            st.global.u32 [%%dst], %%bad;
            """.formatted(size, shape, value, got, words ? "" : "mov.b64 {%x, %y}, %v;",
                words ? "ge" : "ne", words ? "8" : "%x"))
            .declare(".global .align 16 .b8 shared[1024];").launch(8, 32).run(new int[256], 1));
        assertEquals(0, java.util.Arrays.stream(out).sum());
    }

    @ParameterizedTest
    @ValueSource(strings = {"membar.cta", "membar.gl", "membar.sys", "fence.sc.cta", "fence.sc.gpu", "fence.sc.sys", "fence.acq_rel.cta",
        "fence.acq_rel.gpu", "fence.acq_rel.sys", "fence.acq_rel.cluster", "fence.acquire.gpu", "fence.release.gpu", "fence.proxy.async", "fence.proxy.alias",
        "fence.mbarrier_init.release.cluster", "prefetch.global.L1 [%src]", "prefetch.global.L2 [%src]", "prefetch.L1 [%src]",
        "prefetchu.L1 [%src]", "prefetch.global.L2::evict_last [%src]", "nanosleep.u32 100", "pmevent 3", "griddepcontrol.wait", "griddepcontrol.launch_dependents",
        "discard.global.L2 [%src], 128", "applypriority.global.L2::evict_normal [%src], 128"})
    void instructionsWithoutAnEffectOnResults(String instruction) {
        assertEquals(7, Ptx.kernel(instruction + "; st.global.u32 [%dst], 7;").launch(1, 1).run(new int[32], 1)[0]);
    }

    @Test
    void dynamicSharedMemoryStartsBehindTheStatic() {
        int[] out = Ptx.kernel("""
            .shared .align 4 .b8 fixed[20];
            .reg .b32 %a, %b, %x;
            mov.u32 %a, fixed; mov.u32 %b, dynamic; sub.u32 %x, %b, %a; st.global.u32 [%dst], %x;
            mad.lo.u32 %b, %id, 4, %b; st.shared.u32 [%b], %id; bar.sync 0;
            xor.b32 %x, %id, 63; mov.u32 %b, dynamic; mad.lo.u32 %b, %x, 4, %b; ld.shared.u32 %x, [%b]; st.global.u32 [%dst+4], %x;
            mov.u32 %x, %dynamic_smem_size; st.global.u32 [%dst+8], %x;
            mov.u32 %x, %total_smem_size; st.global.u32 [%dst+12], %x;
            """).declare(".extern .shared .align 16 .b8 dynamic[];").launch(1, 64).dynamicShared(256).run(new int[64], 4);
        assertEquals(32, out[0]);
        assertEquals(63, out[1]);
        assertEquals(256, out[2]);
        assertEquals(288, out[3]);
    }

    @Test
    void badAccessesNameAddressAndThread() {
        String report = Ptx.kernel(".reg .b32 %x; ld.global.u32 %x, [%in+4096];").fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, new int[32], 1);
        assertTrue(report.contains("read of 4 bytes") && report.contains("thread (0,0,0)"), report);
        report = Ptx.kernel(".reg .b64 %x; ld.global.u64 %x, [%src+4];").fails(CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, new int[64], 1);
        assertTrue(report.contains("not a multiple of 8"), report);
        report = Ptx.kernel(".shared .b8 s[16]; .reg .b32 %x; ld.shared.u32 %x, [s+16];").fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, new int[32], 1);
        assertTrue(report.contains("the block has 16 bytes"), report);
        report = Ptx.kernel(".reg .b32 %x; .reg .b64 %n; mov.b64 %n, 0; ld.u32 %x, [%n];").fails(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, new int[32], 1);
        assertTrue(report.contains("0x0"), report);
    }
}
