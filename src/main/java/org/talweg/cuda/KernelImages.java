package org.talweg.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import jcuda.Pointer;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.driver.JITOptions;
import org.talweg.files.Sha256;
import org.talweg.ops.DeviceException;

/**
 * The compiled kernels of one context, loaded a family at a time when first asked for. A cubin runs on chips of its
 * own major compute capability and the same or a higher minor one; the newest that fits is tried first, then PTX,
 * which the driver compiles for any chip.
 */
final class KernelImages {
    private static final int LOG_BYTES = 8192;

    private final int computeCapability;
    private final Map<String, CUmodule> modules = new HashMap<>();
    private final TreeSet<String> taken = new TreeSet<>();
    private final Map<String, String> digests = new HashMap<>();

    KernelImages(int computeCapability) {
        this.computeCapability = computeCapability;
    }

    int computeCapability() {
        return computeCapability;
    }

    /** Which images the loaded families came from: {@code sm_90}, {@code PTX}. */
    String taken() {
        return taken.isEmpty() ? "none loaded yet" : String.join(", ", taken);
    }

    /** SHA-256 of the image that a family was loaded from. */
    String digest(String family) {
        return digests.get(family);
    }

    CudaKernel kernel(String family, String name) {
        CUmodule module = modules.get(family);
        if (module == null) {
            module = load(family);
            modules.put(family, module);
        }
        return new CudaKernel(module, family, name);
    }

    void close() {
        modules.values().forEach(JCudaDriver::cuModuleUnload);
        modules.clear();
    }

    private CUmodule load(String family) {
        List<String> reasons = new ArrayList<>();
        for (int version = computeCapability; version >= computeCapability / 10 * 10; version--) {
            CUmodule module = load(family, ".sm_" + version + ".cubin", "sm_" + version, reasons);
            if (module != null) {
                return module;
            }
        }
        CUmodule module = load(family, ".ptx", "PTX", reasons);
        if (module == null) {
            throw new DeviceException("no image of kernel family '" + family + "' loads on compute capability "
                + computeCapability / 10 + "." + computeCapability % 10 + ": " + (reasons.isEmpty()
                ? "none is on the class path; build the project with 'mvn package' on Linux" : reasons));
        }
        return module;
    }

    /** The module, or null with a reason added if there was an image at all. */
    private CUmodule load(String family, String suffix, String what, List<String> reasons) {
        byte[] image = read("kernels/" + family + suffix);
        if (image == null) {
            return null;
        }
        CUmodule module = new CUmodule();
        JITOptions options = new JITOptions();
        options.putBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER, new byte[LOG_BYTES]);
        options.putInt(CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, LOG_BYTES);
        int result = JCudaDriver.cuModuleLoadDataJIT(module, terminated(image), options);
        if (result == CUresult.CUDA_SUCCESS) {
            taken.add(what);
            digests.put(family, HexFormat.of().formatHex(Sha256.of(image)));
            return module;
        }
        if (!blamesImage(result)) {
            throw Cuda.failure(result, "loading kernel image " + family + suffix);
        }
        reasons.add(family + suffix + ": " + CUresult.stringFor(result) + " "
            + GpuProbe.text(options.getBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER)));
        return null;
    }

    /** Whether another image of the same kernels may do better. */
    private static boolean blamesImage(int result) {
        return switch (result) {
            case CUresult.CUDA_ERROR_INVALID_IMAGE, CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU,
                CUresult.CUDA_ERROR_INVALID_PTX, CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
                CUresult.CUDA_ERROR_JIT_COMPILER_NOT_FOUND, CUresult.CUDA_ERROR_JIT_COMPILATION_DISABLED,
                CUresult.CUDA_ERROR_INVALID_SOURCE -> true;
            default -> false;
        };
    }

    private static byte[] read(String resource) {
        try (InputStream in = KernelImages.class.getResourceAsStream(resource)) {
            return in == null ? null : in.readAllBytes();
        } catch (IOException e) {
            throw new DeviceException("cannot read kernel image " + resource + ": " + e.getMessage(), e);
        }
    }

    /** PTX is text that ends with a NUL, which neither a resource nor JCuda adds; behind a cubin it does no harm. */
    private static Pointer terminated(byte[] image) {
        return Pointer.to(ByteBuffer.allocateDirect(image.length + 1).put(image).rewind());
    }
}
