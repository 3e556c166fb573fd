package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.cuda.samples.MatrixMultiplication;
import org.talweg.cuda.samples.Reduction;
import org.talweg.cuda.samples.RuntimeCompilation;
import org.talweg.cuda.samples.VectorAddition;
import org.talweg.testing.SoftwareDevice;

/**
 * Programs as users of JCuda write them, who know nothing of this device: nothing in them is ours but the line that
 * loads it before they start.
 */
class SamplesTest {

    @AfterEach
    void exceptionsOffAgain() {
        if (SoftwareDriver.isLoaded()) {
            JCudaDriver.setExceptionsEnabled(false);
        }
    }

    private static String ptx(Path folder, String name) throws Exception {
        Path file = folder.resolve(name);
        try (InputStream in = SamplesTest.class.getResourceAsStream("samples/" + name)) {
            Files.copy(in, file);
        }
        return file.toString();
    }

    @Test
    void vectorAddition(@TempDir Path folder) throws Exception {
        SoftwareDevice.require();
        String file = ptx(folder, "vectorAdd.ptx");
        assertDoesNotThrow(() -> VectorAddition.run(file));
    }

    @Test
    void reduction(@TempDir Path folder) throws Exception {
        SoftwareDevice.require();
        String file = ptx(folder, "reduction.ptx");
        assertDoesNotThrow(() -> Reduction.run(file));
    }

    @Test
    void matrixMultiplication(@TempDir Path folder) throws Exception {
        SoftwareDevice.require();
        String file = ptx(folder, "matrixMul.ptx");
        assertDoesNotThrow(() -> MatrixMultiplication.run(file));
    }

    /** NVRTC comes with the build that compiles the kernels, and is there unless they were all up to date. */
    @Test
    void runtimeCompilation() {
        SoftwareDevice.require();
        Path folder = Path.of(System.getProperty("talweg.target", "target"), "nvrtc").toAbsolutePath();
        Path compiler = folder.resolve("libnvrtc.so.12");
        Assumptions.assumeTrue(Files.exists(compiler), "this build had no need of NVRTC");
        System.load(folder.resolve("libnvrtc-builtins.so.12.9").toString());
        System.load(compiler.toString());
        assertDoesNotThrow(RuntimeCompilation::run);
    }
}
