package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;

/**
 * The register MXCSR of the thread that launches: rounding, flushing of subnormals, flags. Kernels compute as if nobody
 * had touched it and leave it as it was.
 */
class FloatStateTest {
    private static final String HELPER = """
        #include <jni.h>
        #include <xmmintrin.h>
        extern "C" JNIEXPORT jint JNICALL Java_org_talweg_cuda_conformance_FloatStateTest_state(JNIEnv*, jclass) {
          return static_cast<jint>(_mm_getcsr());
        }
        extern "C" JNIEXPORT void JNICALL Java_org_talweg_cuda_conformance_FloatStateTest_setState(JNIEnv*, jclass, jint state) {
          _mm_setcsr(static_cast<unsigned>(state));
        }
        """;

    private static final int FLAGS = 0x3f;

    private static final String ARITHMETIC = """
        .reg .f32 %a, %b, %x; .reg .f64 %d;
        ld.global.f32 %a, [%src]; ld.global.f32 %b, [%src+4];
        add.rn.f32 %x, %a, %b; st.global.f32 [%dst], %x;
        add.rp.f32 %x, %a, %b; st.global.f32 [%dst+4], %x;
        mul.rm.f32 %x, %a, %b; st.global.f32 [%dst+8], %x;
        fma.rz.f32 %x, %a, %b, %b; st.global.f32 [%dst+12], %x;
        div.rn.f32 %x, %a, %b; st.global.f32 [%dst+16], %x;
        cvt.f64.f32 %d, %a; cvt.rm.f32.f64 %x, %d; st.global.f32 [%dst+20], %x;
        mul.rn.ftz.f32 %x, %a, %b; st.global.f32 [%dst+24], %x;
        mul.rn.f32 %x, %a, 0f3F000000; st.global.f32 [%dst+28], %x;
        """;

    @TempDir
    static Path folder;

    private static native int state();

    private static native void setState(int state);

    @BeforeAll
    static void compile() throws IOException, InterruptedException {
        Path source = Files.writeString(folder.resolve("state.cpp"), HELPER);
        Path library = folder.resolve("libstate.so");
        Path include = Path.of(System.getProperty("java.home"), "include");
        String compiler = System.getenv("CXX") != null ? System.getenv("CXX") : "c++";
        try {
            Process process = new ProcessBuilder(List.of(compiler, "-shared", "-fPIC", "-I" + include,
                "-I" + include.resolve("linux"), "-o", library.toString(), source.toString())).inheritIO().start();
            assertEquals(0, process.waitFor());
        } catch (IOException e) {
            Assumptions.abort("no C++ compiler: " + e.getMessage());
        }
        System.load(library.toString());
    }

    @AfterEach
    void inOrder() {
        SoftwareDriver.threads(0);
    }

    /** Up, down, to zero, subnormals flushed on both sides, all flags raised. */
    @ParameterizedTest
    @ValueSource(ints = {0x1f80, 0x5f80, 0x3f80, 0x7f80, 0x9fc0, 0x1fbf, 0xffff})
    void kernelsNeitherFeelNorChangeIt(int state) {
        int[] in = new java.util.SplittableRandom(5).ints(256).map(bits -> bits & 0x8fffffff | 0x10000000).toArray();
        in[0] = 1;
        in[1] = 3;
        in[2] = 0x007fffff;
        in[3] = 0x3effffff;
        int[] expected = Ptx.kernel(ARITHMETIC).launch(4, 32).run(in, 8);
        for (int threads : new int[] {1, 4}) {
            SoftwareDriver.threads(threads);
            assertArrayEquals(expected, under(state, () -> Ptx.kernel(ARITHMETIC).launch(4, 32).run(in, 8)));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0x1f80, 0x5f80, 0x9fc0})
    void norDoKernelsThatTrap(int state) {
        SoftwareDriver.threads(1);
        for (String end : Stream.of("trap;", "ld.global.f32 %x, [%src+1];", "exit;").toList()) {
            under(state, () -> {
                Ptx kernel = Ptx.kernel(".reg .f32 %x; mov.f32 %x, 0f3f800000; add.rp.f32 %x, %x, %x; " + end);
                return end.equals("exit;") ? kernel.run(new int[32], 1) : kernel.fails(end.equals("trap;")
                    ? CUresult.CUDA_ERROR_LAUNCH_FAILED : CUresult.CUDA_ERROR_MISALIGNED_ADDRESS, new int[32], 1);
            });
        }
    }

    private static <T> T under(int state, java.util.function.Supplier<T> body) {
        int before = state();
        setState(state);
        T result;
        int after;
        try {
            result = body.get();
            after = state();
        } finally {
            setState(before);
        }
        // The flags Java itself may have raised.
        assertEquals(Integer.toHexString(state & ~FLAGS), Integer.toHexString(after & ~FLAGS));
        return result;
    }
}
