package org.talweg.cuda;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.JCuda;
import jcuda.runtime.cudaDeviceProp;
import jcuda.runtime.cudaError;
import org.talweg.ops.DeviceProvider.Candidate;
import org.talweg.ops.DeviceProvider.Part;

/**
 * Looks for GPUs without touching JCuda's driver class, which on a machine without a driver fails to load and stays
 * broken. JCuda's runtime library carries its own CUDA runtime: that loads everywhere and answers with an error code.
 */
final class GpuProbe {
    private static final String NO_DRIVER =
        "no NVIDIA driver for CUDA 12 found (libcuda.so.1); install driver 525 or newer";
    /** As the CUDA runtime writes 12.0. */
    private static final int OLDEST_CUDA = 12_000;

    private GpuProbe() {
    }

    /** One candidate a GPU, or one line that says why there is none. Never throws. */
    static List<Candidate> candidates() {
        if (SoftwareDriver.isLoaded()) {
            return none("this JVM uses the software device; look for GPUs in a JVM of its own");
        }
        try {
            int[] count = new int[1];
            int error = JCuda.cudaGetDeviceCount(count);
            if (error != cudaError.cudaSuccess) {
                return none(reason(error));
            }
            List<Candidate> found = new ArrayList<>();
            for (int i = 0; i < count[0]; i++) {
                cudaDeviceProp properties = new cudaDeviceProp();
                error = JCuda.cudaGetDeviceProperties(properties, i);
                found.add(error == cudaError.cudaSuccess
                    ? new Candidate("cuda:" + i, describe(properties), true)
                    : new Candidate("cuda:" + i, "cuda:" + i + " is unusable: " + reason(error), false));
            }
            return found.isEmpty() ? none(reason(cudaError.cudaErrorNoDevice)) : found;
        } catch (LinkageError | RuntimeException e) {
            return none(doesNotLoad(e));
        }
    }

    /** The driver, by the newest CUDA version that it can run. Never throws. */
    static Part driver() {
        try {
            int[] version = new int[1];
            int error = JCuda.cudaDriverGetVersion(version);
            String found = "CUDA " + version[0] / 1000 + "." + version[0] % 1000 / 10;
            if (error != cudaError.cudaSuccess || version[0] == 0) {
                return new Part("driver", NO_DRIVER, false);
            }
            return version[0] < OLDEST_CUDA
                ? new Part("driver", "made for " + found + "; install driver 525 or newer, which has CUDA 12", false)
                : new Part("driver", found, true);
        } catch (LinkageError | RuntimeException e) {
            return new Part("driver", doesNotLoad(e), false);
        }
    }

    /** NVIDIA's cuBLAS, without which all matrix products are our own. Never throws. */
    static Part cublas() {
        if (!SoftwareDriver.isLoaded() && !driver().available()) {
            // The class that fails to load stays broken, for the software device's stand-in too.
            return new Part("cuBLAS", "not looked for, as there is no driver", false);
        }
        try {
            JCublas2.setExceptionsEnabled(false);
            cublasHandle handle = new cublasHandle();
            int status = JCublas2.cublasCreate(handle);
            if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
                return new Part("cuBLAS", "is here but finds no GPU (" + cublasStatus.stringFor(status) + ")", false);
            }
            int[] version = new int[1];
            JCublas2.cublasGetVersion(handle, version);
            JCublas2.cublasDestroy(handle);
            return new Part("cuBLAS", "version " + version[0], true);
        } catch (LinkageError | RuntimeException e) {
            return new Part("cuBLAS", "libcublas.so.12 does not load; only products by cuBLAS need it (CUDA toolkit 12,"
                + " or apt-get install libcublas-12-6 from NVIDIA's packages)", false);
        }
    }

    /** A C string out of a buffer. */
    static String text(byte[] bytes) {
        int length = 0;
        while (length < bytes.length && bytes[length] != 0) {
            length++;
        }
        return new String(bytes, 0, length, StandardCharsets.UTF_8).strip();
    }

    private static String describe(cudaDeviceProp properties) {
        return String.format("%s, compute capability %d.%d, %d multiprocessors, %.1f GiB", text(properties.name),
            properties.major, properties.minor, properties.multiProcessorCount,
            properties.totalGlobalMem / (double) (1L << 30));
    }

    private static String reason(int error) {
        return switch (error) {
            case cudaError.cudaErrorInsufficientDriver -> NO_DRIVER;
            case cudaError.cudaErrorNoDevice ->
                "the NVIDIA driver sees no GPU; check nvidia-smi, CUDA_VISIBLE_DEVICES and the container's --gpus";
            case cudaError.cudaErrorSystemDriverMismatch ->
                "the kernel module and the library of the NVIDIA driver differ; reboot after the driver update";
            default -> "the CUDA runtime says " + cudaError.stringFor(error) + " (" + error
                + "); check that nvidia-smi works";
        };
    }

    private static List<Candidate> none(String reason) {
        return List.of(new Candidate("cuda", "no CUDA GPU: " + reason, false));
    }

    private static String doesNotLoad(Throwable e) {
        return "JCuda's native library does not load (" + firstLine(e) + "); it exists for Linux and Windows on x86-64,"
            + " as the artifact org.jcuda:jcuda-natives";
    }

    private static String firstLine(Throwable e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse(e.getClass().getSimpleName());
    }
}
