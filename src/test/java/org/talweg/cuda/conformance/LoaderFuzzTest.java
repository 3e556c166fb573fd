package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Mutated PTX: the loader refuses it or takes it, and neither dies nor hangs. {@code -Dtalweg.fuzz=100000} for more
 * inputs, {@code -Dtalweg.fuzz.seed} for others.
 */
class LoaderFuzzTest {
    private static final Pattern TOKEN = Pattern.compile("[%$.]?[\\w:]+|\\s+|.", Pattern.DOTALL);

    /** Something of every family of instructions and directives. */
    static final List<String> BODIES = List.of(
        """
        .reg .b32 %r<8>; .reg .f32 %f<4>; .reg .b64 %w<4>; .reg .pred %p<2>; .reg .b16 %h<4>;
        ld.global.v4.u32 {%r0, %r1, %r2, %r3}, [%src+16]; add.cc.u32 %r0, %r0, %r1; addc.u32 %r1, %r2, 0;
        mad.wide.s32 %w0, %r0, %r1, %w1; setp.lt.and.u32 %p0|%p1, %r0, %r1, !%p0; selp.b32 %r4, %r0, 7, %p0;
        bfi.b32 %r0, %r1, %r2, 3, 5; lop3.b32 %r0, %r1, %r2, %r3, 0x96; prmt.b32 %r0, %r1, %r2, 0x3210; cvt.rn.f32.s32 %f0, %r0;
        fma.rn.f32 %f0, %f1, %f2, 0f3F800000; cvt.rni.s8.f32 %r0, %f0; cvt.rn.bf16x2.f32 %r0, %f0, %f1; fma.rn.f16x2 %r0, %r1, %r2, %r3;
        mov.b64 {%r0, %r1}, %w0; mov.b32 %r0, {%h0, %h1}; dp4a.s32.u32 %r0, %r1, %r2, %r3; shf.l.wrap.b32 %r0, %r1, %r2, 5;
        @%p0 st.global.u32 [%dst], %r0; @!%p1 bra END; mul.hi.u64 %w0, %w1, %w2; div.rn.f32 %f0, %f1, %f2; ex2.approx.ftz.f32 %f0, %f1;
        END: st.volatile.global.v2.u32 [%dst+8], {%r0, %r1};
        """,
        """
        .reg .b32 %a<4>, %b<2>, %c<4>, %d<8>; .reg .b64 %w; .shared .align 16 .b8 tile[1024]; .reg .pred %p;
        mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%d0,%d1,%d2,%d3}, {%a0,%a1,%a2,%a3}, {%b0,%b1}, {%c0,%c1,%c2,%c3};
        ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%d0,%d1,%d2,%d3}, [%a0+16]; stmatrix.sync.aligned.m8n8.x1.shared.b16 [%a1], {%d0};
        wmma.load.a.sync.aligned.row.m16n16k16.global.f16 {%d0,%d1,%d2,%d3,%d4,%d5,%d6,%d7}, [%in], %a0;
        cp.async.cg.shared.global [%a0], [%in+32], 16, %a1; cp.async.commit_group; cp.async.wait_group 1; cp.async.wait_all;
        redux.sync.add.u32 %a0, %a1, 0xffffffff; match.all.sync.b32 %a0|%p, %a1, %a2; vote.sync.ballot.b32 %a0, %p, 0xffffffff;
        shfl.sync.bfly.b32 %a0|%p, %a1, 1, 31, 0xffffffff; bar.warp.sync 0xffffffff; bar.red.popc.u32 %a0, 0, 64, %p; barrier.sync 1, 64;
        mbarrier.init.shared.b64 [tile+8], 32; mbarrier.arrive.shared.b64 %w, [tile]; mbarrier.test_wait.shared.b64 %p, [tile], %w;
        atom.global.cas.b32 %a0, [%in], %a1, %a2; red.shared.add.u32 [tile+4], 1; atom.add.noftz.f16x2 %a0, [%in], %a1;
        """,
        """
        .local .align 8 .b8 depot[64]; .reg .b64 %w<4>; .reg .b32 %r<4>; .reg .pred %p;
        mov.u64 %w0, depot; cvta.local.u64 %w1, %w0; st.local.v2.u32 [depot+8], {%r0, %r1}; isspacep.shared %p, %w1;
        { .param .align 8 .b8 p[16]; .param .b32 q; st.param.b64 [p+8], %w0; call.uni (q), helper, (p); ld.param.b32 %r0, [q]; }
        mov.u64 %w2, table; ld.global.u64 %w2, [%w2+8];
        { .param .align 8 .b8 p[16]; .param .b32 q; proto: .callprototype (.param .b32 _) _ (.param .align 8 .b8 _[16]);
          @%p call (q), %w2, (p), proto; }
        targets: .branchtargets A, B, C; brx.idx %r0, targets;
        A: mov.u32 %r1, %clock; B: mov.u32 %r2, %lanemask_lt; C: trap; .loc 1 7 3 .pragma "nounroll";
        { .param .b64 f; .param .b64 a; .param .b32 r; st.param.b64 [f], %w0; st.param.b64 [a], %w1; call (r), vprintf, (f, a); }
        nanosleep.u32 20; membar.gl; fence.acq_rel.gpu; exit; ret;
        """,
        """
        .reg .b64 %t; .reg .b32 %r<8>; .reg .f32 %f<8>; .reg .pred %p; .reg .b16 %h<4>;
        tex.2d.v4.f32.f32 {%f0, %f1, %f2, %f3}|%p, [%t, {%f0, %f1}]; tex.1d.v4.s32.s32 {%r0, %r1, %r2, %r3}, [%t, {%r0}];
        tex.level.a2d.v4.u32.f32 {%r0, %r1, %r2, %r3}, [%t, {%r0, %f1, %f2, %f2}], %f4; tex.cube.v4.f32.f32 {%f0, _, %f2, %f3}, [%t, {%f0, %f1, %f2, %f3}];
        tex.grad.3d.v4.f32.f32 {%f0, %f1, %f2, %f3}, [%t, {%f0, %f1, %f2, %f2}], {%f0, %f1, %f2, %f2}, {%f3, %f4, %f5, %f5};
        tld4.g.2d.v4.f32.f32 {%f0, %f1, %f2, %f3}, [%t, {%f0, %f1}]; suld.b.2d.v2.b32.clamp {%r0, %r1}, [%t, {%r0, %r1}];
        suld.b.3d.b64.zero {%t}, [%t, {%r0, %r1, %r2, %r2}]; sust.b.a1d.v4.b16.trap [%t, {%r3, %r1}], {%h0, %h1, %h2, %h3};
        """);

    static final String DECLARATIONS = """
        .file 1 "kernel.cu", 1700000000, 1234
        .extern .func (.param .b32 r) vprintf (.param .b64 format, .param .b64 arguments);
        .func (.param .b32 r) helper(.param .align 8 .b8 x[16])
        { .reg .b32 %a; ld.param.b32 %a, [x+8]; st.param.b32 [r], %a; ret; }
        .global .align 8 .u64 table[2] = {helper, generic(numbers)+4};
        .global .align 4 .u32 numbers[2][2] = {{1, 2}, {3, 0x10}};
        .const .align 4 .f32 reals[2] = {0f3F800000, -2.5};
        .extern .shared .align 16 .b8 dynamic[];
        .visible .global .align 1 .b8 text[4] = {104, 105, 10, 0};
        .section .debug_str { info: .b8 1, 2 .b32 text }
        """;

    private static final String[] INSTEAD = {"", "0", "-1", "4294967295", "18446744073709551615", "0x7fffffffffffffff", "2147483648", "_", "{", "}", "(", ")",
        "[", "]", ";", ",", ":", "<", ">", "!", "@", "|", "+", "\"", "/*", "//", "%", ".", "%r0", "%w0", "%f0", "%p0", "%tid.x", "%clock64", "tile", "helper", "END",
        ".reg", ".shared", ".local", ".param", ".global", ".const", ".func", ".entry", ".align", ".pred", ".b1", ".u4", ".b8", ".b128", ".f16x2", ".e4m3x2", ".tf32", ".f64",
        ".v2", ".v4", ".sync", ".aligned", ".branchtargets", ".callprototype", ".section", ".loc", ".file", ".version", ".target", "0f3F800000", "0dFFFFFFFFFFFFFFFF",
        "1.5e9", "0b11", "0777", "00", "%ctaid.w", "WARP_SZ", "%envreg2", "%h0", "ret", "call", "brx", "\0", "\u00e9", "\n"};

    private static List<String> tokens(String text) {
        List<String> tokens = new ArrayList<>();
        Matcher matcher = TOKEN.matcher(text);
        while (matcher.find()) {
            tokens.add(matcher.group());
        }
        return tokens;
    }

    static String mutate(String source, List<String> pool, SplittableRandom random) {
        if (random.nextInt(20) == 0) {
            return source.substring(0, random.nextInt(source.length()));
        }
        List<String> tokens = tokens(source);
        int changes = 1 + random.nextInt(random.nextInt(8) + 1);
        for (int i = 0; i < changes; i++) {
            int at = random.nextInt(tokens.size());
            switch (random.nextInt(7)) {
                case 0 -> tokens.remove(at);
                case 1 -> tokens.add(at, tokens.get(random.nextInt(tokens.size())));
                case 2 -> tokens.set(at, pool.get(random.nextInt(pool.size())));
                case 3 -> tokens.set(at, INSTEAD[random.nextInt(INSTEAD.length)]);
                case 4 -> tokens.add(at, INSTEAD[random.nextInt(INSTEAD.length)]);
                case 5 -> {
                    String old = tokens.get(at);
                    int flip = random.nextInt(Math.max(1, old.length()));
                    tokens.set(at, old.substring(0, flip) + (char) (1 + random.nextInt(127))
                        + old.substring(Math.min(flip + 1, old.length())));
                }
                default -> {
                    int to = Math.min(tokens.size(), at + 1 + random.nextInt(40));
                    List<String> piece = new ArrayList<>(tokens.subList(at, to));
                    tokens.addAll(random.nextInt(tokens.size()), piece);
                }
            }
        }
        return String.join("", tokens);
    }

    @Test
    void theLoaderSurvives() {
        int count = Integer.getInteger("talweg.fuzz", 3000);
        long seed = Long.getLong("talweg.fuzz.seed", 1);
        List<String> sources = new ArrayList<>();
        List<String> pool = new ArrayList<>();
        for (String body : BODIES) {
            String source = Ptx.kernel(body).declare(DECLARATIONS).source();
            sources.add(source);
            pool.addAll(tokens(source));
        }
        int accepted = 0;
        for (int i = 0; i < count; i++) {
            SplittableRandom random = new SplittableRandom(seed * 1_000_003 + i);
            String mutant = mutate(sources.get(i % sources.size()), pool, random);
            accepted += Ptx.refusal(mutant).isEmpty() ? 1 : 0;
        }
        for (String source : sources) {
            assertEquals("", Ptx.refusal(source), source);
        }
        assertTrue(accepted > count / 50 && accepted < count, accepted + " of " + count + " mutants were accepted");
    }
}
