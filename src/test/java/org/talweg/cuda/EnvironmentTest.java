package org.talweg.cuda;

import static jcuda.driver.JCudaDriver.cuCtxCreate;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static jcuda.driver.JCudaDriver.cuDeviceComputeCapability;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetCount;
import static jcuda.driver.JCudaDriver.cuDeviceTotalMem;
import static jcuda.driver.JCudaDriver.cuInit;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoad;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import org.junit.jupiter.api.Test;
import org.talweg.testing.SoftwareDevice;

/** What the environment orders, for programs that know nothing of the software device. */
class EnvironmentTest {

    /** Such a program, with a leak, and a kernel that writes one element too many; it looks at no result. */
    static final class Unknowing {
        public static void main(String[] args) {
            SoftwareDriver.load();
            cuInit(0);
            int[] count = new int[1];
            cuDeviceGetCount(count);
            CUdevice device = new CUdevice();
            cuDeviceGet(device, 0);
            int[] major = new int[1];
            int[] minor = new int[1];
            cuDeviceComputeCapability(major, minor, device);
            long[] bytes = new long[1];
            cuDeviceTotalMem(bytes, device);
            System.out.println(count[0] + " devices of " + major[0] + "." + minor[0] + " with " + bytes[0] + " bytes");

            CUcontext context = new CUcontext();
            cuCtxCreate(context, 0, device);
            CUmodule module = new CUmodule();
            cuModuleLoad(module, args[0]);
            CUfunction function = new CUfunction();
            cuModuleGetFunction(function, module, "write_past_the_end");
            CUdeviceptr out = new CUdeviceptr();
            cuMemAlloc(out, 400);
            int launched = cuLaunchKernel(function, 1, 1, 1, 128, 1, 1, 0, null,
                Pointer.to(Pointer.to(out), Pointer.to(new int[] {100})), null);
            System.out.println("launch: " + launched);
            cuCtxDestroy(context);
        }
    }

    private static String run(Map<String, String> environment) throws IOException, InterruptedException {
        SoftwareDevice.require();
        Path kernels = Path.of(System.getProperty("talweg.target", "target"),
            "test-classes/org/talweg/cuda/kernels/checks.ptx");
        ProcessBuilder builder = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m", "-cp", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            Unknowing.class.getName(), kernels.toString()).redirectErrorStream(true);
        builder.environment().keySet().removeIf(name -> name.startsWith("TALWEG_"));
        builder.environment().putAll(environment);
        Process java = builder.start();
        String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(java.waitFor(2, TimeUnit.MINUTES), "hangs: " + output);
        assertEquals(0, java.exitValue(), output);
        return output;
    }

    @Test
    void devicesAreAsOrdered() throws IOException, InterruptedException {
        String output = run(Map.of("TALWEG_SOFTWARE_DEVICES", "3", "TALWEG_SOFTWARE_CAPABILITY", "9.0",
            "TALWEG_SOFTWARE_MEMORY", "512M"));
        assertTrue(output.contains("3 devices of 9.0 with " + (512L << 20) + " bytes"), output);
    }

    @Test
    void aFaultIsOrdered() throws IOException, InterruptedException {
        String output = run(Map.of("TALWEG_SOFTWARE_FAULT", "launch:1", "TALWEG_CHECK", "none"));
        assertTrue(output.contains("launch: 719"), output);
    }

    @Test
    void findingsOfChecksAreOnStandardError() throws IOException, InterruptedException {
        String output = run(Map.of("TALWEG_CHECK", "all"));
        assertTrue(output.contains("launch: 700"), output);
        assertTrue(output.contains("[software device] kernel 'write_past_the_end' at checks.cu:7"), output);
        assertTrue(output.contains("[software device] leak: cuMemAlloc #"), output);
        assertTrue(output.contains("of 400 bytes"), output);
    }

    @Test
    void withoutAnyOrderTheDeviceIsSilent() throws IOException, InterruptedException {
        String output = run(Map.of());
        assertTrue(output.contains("1 devices of 8.0 with " + (4L << 30) + " bytes"), output);
        assertTrue(output.contains("launch: 700"), output);
        assertFalse(output.contains("[software device]"), output);
    }

    @Test
    void whatIsMisspeltIsIgnoredAloud() throws IOException, InterruptedException {
        String output = run(Map.of("TALWEG_CHECK", "bounds,race", "TALWEG_SOFTWARE_MEMORY", "2GB"));
        assertTrue(output.contains("'race' in TALWEG_CHECK is ignored: there are all, none, bounds"), output);
        assertTrue(output.contains("'2GB' in TALWEG_SOFTWARE_MEMORY is ignored"), output);
        assertTrue(output.contains("with " + (4L << 30) + " bytes"), output);
    }
}
