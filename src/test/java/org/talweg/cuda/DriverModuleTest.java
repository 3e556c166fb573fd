package org.talweg.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_FILE_NOT_FOUND;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_PTX;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU;
import static jcuda.driver.CUresult.CUDA_ERROR_UNSUPPORTED_LIMIT;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUjitInputType;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUlinkState;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.JITOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Loading, linking and launching as programs old and new do it. */
class DriverModuleTest extends DriverFixture {
    private static final String HEADER = ".version 8.0\n.target sm_75\n.address_size 64\n";
    private static final String TWICE = HEADER + """
        .visible .func (.param .b32 out) twice(.param .b32 in)
        {
            .reg .b32 %r<3>;
            ld.param.b32 %r1, [in];
            shl.b32 %r2, %r1, 1;
            st.param.b32 [out], %r2;
            ret;
        }
        """;
    private static final String CALLER = HEADER + """
        .extern .func (.param .b32 out) twice(.param .b32 in);
        .visible .entry call_twice(.param .u64 p_data)
        {
            .reg .b32 %r<3>;
            .reg .b64 %rd<2>;
            .param .b32 argument;
            .param .b32 result;
            ld.param.u64 %rd1, [p_data];
            ld.global.u32 %r1, [%rd1];
            st.param.b32 [argument], %r1;
            call.uni (result), twice, (argument);
            ld.param.b32 %r2, [result];
            st.global.u32 [%rd1], %r2;
            ret;
        }
        """;

    private static byte[] terminated(String text) {
        return (text + "\0").getBytes(StandardCharsets.UTF_8);
    }

    private static int addText(CUlinkState state, String text, String name) {
        byte[] ptx = terminated(text);
        return cuLinkAddData(state, CUjitInputType.CU_JIT_INPUT_PTX, Pointer.to(ptx), ptx.length, name,
            new JITOptions());
    }

    private static JITOptions withLogs() {
        JITOptions options = new JITOptions();
        options.putBytes(CUjit_option.CU_JIT_INFO_LOG_BUFFER, new byte[256]);
        options.putInt(CUjit_option.CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, 256);
        options.putBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER, new byte[256]);
        options.putInt(CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 256);
        return options;
    }

    private static String errorLog(JITOptions options) {
        return GpuProbe.text(options.getBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER));
    }

    @Test
    void linkedTextsCallEachOther() {
        for (List<String> order : List.of(List.of(TWICE, CALLER), List.of(CALLER, TWICE))) {
            CUlinkState state = new CUlinkState();
            ok(cuLinkCreate(new JITOptions(), state));
            for (String text : order) {
                ok(addText(state, text, "part.ptx"));
            }
            Pointer image = new Pointer();
            long[] bytes = new long[1];
            ok(cuLinkComplete(state, image, bytes));
            CUmodule module = new CUmodule();
            ok(cuModuleLoadDataEx(module, image, 0, new int[0], Pointer.to(new int[0])));
            ok(cuLinkDestroy(state));
            DeviceAddress data = memory(1);
            ok(cuMemsetD32(data, 21, 1));
            ok(cuLaunchKernel(function(module, "call_twice"), 1, 1, 1, 1, 1, 1, 0, new CUstream(),
                Pointer.to(Pointer.to(data)), null));
            assertEquals(42, word(data));
        }
    }

    @Test
    void linkErrorsNameTheInputAndItsLine(@TempDir Path folder) throws IOException {
        CUlinkState state = new CUlinkState();
        ok(cuLinkCreate(withLogs(), state));
        ok(addText(state, TWICE, "good.ptx"));
        Path bad = Files.writeString(folder.resolve("bad.ptx"), HEADER + ".visible .entry broken()\n{\n    bogus;\n}\n");
        ok(cuLinkAddFile(state, CUjitInputType.CU_JIT_INPUT_PTX, bad.toString(), new JITOptions()));
        expect(CUDA_ERROR_FILE_NOT_FOUND,
            cuLinkAddFile(state, CUjitInputType.CU_JIT_INPUT_PTX, folder + "/none.ptx", new JITOptions()));
        expect(CUDA_ERROR_INVALID_PTX, cuLinkComplete(state, new Pointer(), new long[1]));
        String report = SoftwareDriver.takeReport();
        assertTrue(report.contains("bad.ptx line 6"), report);
        ok(cuLinkDestroy(state));
    }

    @Test
    void theErrorLogNamesTheLine() {
        JITOptions options = withLogs();
        Pointer bad = Pointer.to(terminated(HEADER + ".visible .entry broken()\n{\n    bogus;\n}\n"));
        expect(CUDA_ERROR_INVALID_PTX, cuModuleLoadDataJIT(new CUmodule(), bad, options));
        assertTrue(errorLog(options).contains("line 6"), errorLog(options));
        JITOptions good = withLogs();
        ok(cuModuleLoadDataJIT(new CUmodule(), Pointer.to(terminated(TWICE)), good));
        assertEquals("", errorLog(good));
    }

    @Test
    void ptxForALaterChipIsRefusedOnceAChipWasChosen() {
        String later = TWICE.replace("sm_75", "sm_90");
        ok(cuModuleLoadData(new CUmodule(), terminated(later)));
        try {
            SoftwareDriver.capability(9, 0);
            ok(cuModuleLoadData(new CUmodule(), terminated(later)));
            SoftwareDriver.capability(8, 6);
            expect(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(new CUmodule(), terminated(later)));
        } finally {
            SoftwareDriver.anyCapability();
        }
    }

    @Test
    void modulesLoadFromFiles(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("twice.ptx"), TWICE + CALLER.substring(HEADER.length()));
        CUmodule module = new CUmodule();
        ok(cuModuleLoad(module, file.toString()));
        function(module, "call_twice");
        expect(CUDA_ERROR_FILE_NOT_FOUND, cuModuleLoad(module, folder + "/none.ptx"));
    }

    @Test
    void functionsHaveAttributes() throws IOException {
        CUfunction kernel = function(module(), "add_to");
        int[] value = new int[1];
        ok(cuFuncGetAttribute(value, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, kernel));
        assertEquals(1024, value[0]);
        ok(cuFuncSetAttribute(kernel, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 100_000));
        ok(cuFuncGetAttribute(value, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, kernel));
        assertEquals(100_000, value[0]);
        expect(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(kernel,
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1 << 20));
        int[] grid = new int[1];
        ok(cuOccupancyMaxPotentialBlockSize(grid, value, kernel, threads -> 32L * threads, 0, 0));
        assertTrue(value[0] % 32 == 0 && value[0] > 0, "block of " + value[0]);
        assertTrue(grid[0] > 0, "grid of " + grid[0]);
    }

    @Test
    void launchesOfTheOldKind() throws IOException {
        CUfunction kernel = function(module(), "add_to");
        DeviceAddress data = memory(64);
        ok(cuMemsetD32(data, 1, 64));
        ok(cuFuncSetBlockShape(kernel, 16, 1, 1));
        ok(cuParamSetv(kernel, 0, Pointer.to(data), 8));
        ok(cuParamSeti(kernel, 8, 6));
        ok(cuParamSeti(kernel, 12, 64));
        expect(CUDA_ERROR_INVALID_VALUE, cuParamSeti(kernel, 16, 0));
        ok(cuParamSetSize(kernel, 16));
        ok(cuLaunch(kernel));
        assertEquals(7, word(data.withByteOffset(15 * 4)));
        assertEquals(1, word(data.withByteOffset(16 * 4)));
        ok(cuLaunchGrid(kernel, 4, 1));
        assertEquals(7, word(data.withByteOffset(63 * 4)));
        ok(cuLaunchGridAsync(kernel, 4, 1, stream(0)));
        assertEquals(13, word(data.withByteOffset(63 * 4)));
        ok(cuParamSetSize(kernel, 8));
        expect(CUDA_ERROR_INVALID_VALUE, cuLaunch(kernel));
    }

    @Test
    void contextsKeepTheirLimitsAndCountTheirUsers() throws InterruptedException {
        inNewThread(() -> {
            CUcontext own = new CUcontext();
            ok(cuCtxCreate(own, 0, device));
            ok(cuCtxSetLimit(0, 4096));
            long[] value = new long[1];
            ok(cuCtxGetLimit(value, 0));
            assertEquals(4096, value[0]);
            expect(CUDA_ERROR_UNSUPPORTED_LIMIT, cuCtxGetLimit(value, 77));
            CUcontext attached = new CUcontext();
            ok(cuCtxAttach(attached, 0));
            assertEquals(own, attached);
            ok(cuCtxDetach(own));
            memory(1);
            ok(cuCtxDetach(own));
            CUcontext current = new CUcontext();
            ok(cuCtxGetCurrent(current));
            assertEquals(new CUcontext(), current);
        });
    }
}
