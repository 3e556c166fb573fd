package org.talweg.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_HANDLE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_PERMITTED;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_SUPPORTED;
import static jcuda.driver.JCudaDriver.cuDeviceGetAttribute;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.PointerByReference;
import java.io.IOException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Launches in clusters, through the calls of the driver that JCuda does not bind. */
class DriverClusterTest extends DriverFixture {
    private static final int COOPERATIVE = 2;
    private static final int CLUSTER_DIMENSION = 4;
    private static final int PRIORITY = 8;
    private static final int DEVICE_CLUSTER_LAUNCH = 120;
    private static final int MUST_BE_SET = 10;
    private static final int WIDTH = 11;
    private static final int NON_PORTABLE = 14;
    /** Each block writes its rank, the size of its cluster and whether that was asked for. */
    private static final String PTX = """
        .version 8.0
        .target sm_90
        .address_size 64
        .visible .entry %s(.param .u64 p_out) %s
        {
          .reg .b32 %%r<4>; .reg .b64 %%rd<3>; .reg .pred %%p;
          ld.param.u64 %%rd1, [p_out];
          mov.u32 %%r0, %%nctaid.x;
          mov.u32 %%r1, %%ctaid.y;
          mov.u32 %%r2, %%ctaid.x;
          mad.lo.u32 %%r1, %%r1, %%r0, %%r2;
          mul.wide.u32 %%rd2, %%r1, 4;
          add.u64 %%rd1, %%rd1, %%rd2;
          mov.u32 %%r0, %%cluster_ctarank;
          mov.u32 %%r1, %%cluster_nctarank;
          mad.lo.u32 %%r0, %%r1, 100, %%r0;
          mov.pred %%p, %%is_explicit_cluster;
          @%%p add.u32 %%r0, %%r0, 10000;
          st.global.u32 [%%rd1], %%r0;
          ret;
        }
        """;

    private NativeLibrary driver;
    private DeviceAddress out;

    @BeforeEach
    void library() throws IOException {
        driver = NativeLibrary.getInstance(SoftwareDriver.library(SoftwareDriver.DRIVER).toString());
        out = memory(64);
    }

    private int call(String name, Object... arguments) {
        return driver.getFunction(name).invokeInt(arguments);
    }

    private Pointer kernel(String name, String directives) {
        PointerByReference module = new PointerByReference();
        ok(call("cuModuleLoadData", module, PTX.formatted(name, directives)));
        PointerByReference function = new PointerByReference();
        ok(call("cuModuleGetFunction", function, module.getValue(), name));
        return function.getValue();
    }

    /** A CUlaunchConfig; attributes are (id, x, y, z) each. */
    private static Memory config(int gridX, int gridY, int threads, int shared, int... attributes) {
        Memory config = new Memory(56);
        config.clear();
        int[] shape = {gridX, gridY, 1, threads, 1, 1, shared};
        config.write(0, shape, 0, shape.length);
        if (attributes.length > 0) {
            Memory list = new Memory(72L * attributes.length / 4);
            list.clear();
            for (int i = 0; i < attributes.length; i += 4) {
                list.setInt(18L * i, attributes[i]);
                list.write(18L * i + 8, attributes, i + 1, 3);
            }
            config.setPointer(40, list);
            config.setInt(48, attributes.length / 4);
        }
        return config;
    }

    private int launch(Pointer kernel, Memory config) {
        Memory pointer = new Memory(8);
        pointer.setLong(0, out.address());
        Memory values = new Memory(8);
        values.setPointer(0, pointer);
        return call("cuLaunchKernelEx", config, kernel, values, null);
    }

    private int plainLaunch(Pointer kernel, int blocks) {
        Memory pointer = new Memory(8);
        pointer.setLong(0, out.address());
        Memory values = new Memory(8);
        values.setPointer(0, pointer);
        return call("cuLaunchKernel", kernel, blocks, 1, 1, 32, 1, 1, 0, null, values, null);
    }

    private void refused(int code, String why, Pointer kernel, Memory config) {
        expect(code, launch(kernel, config));
        String report = SoftwareDriver.takeReport();
        assertTrue(report.contains(why), report);
    }

    @Test
    void aLaunchSaysTheSizeOfItsClusters() {
        Pointer kernel = kernel("free", "");
        ok(launch(kernel, config(4, 1, 32, 0)));
        assertArrayEquals(new int[] {100, 100, 100, 100}, words(out, 4));
        ok(launch(kernel, config(4, 2, 32, 0, CLUSTER_DIMENSION, 2, 2, 1, PRIORITY, 0, 0, 0)));
        assertArrayEquals(new int[] {10400, 10401, 10400, 10401, 10402, 10403, 10402, 10403}, words(out, 8));
        ok(launch(kernel, config(4, 1, 32, 0, CLUSTER_DIMENSION, 1, 1, 1)));
        assertArrayEquals(new int[] {10100, 10100, 10100, 10100}, words(out, 4));
        ok(launch(kernel, config(8, 1, 32, 0, COOPERATIVE, 1, 0, 0, CLUSTER_DIMENSION, 4, 1, 1)));
        assertArrayEquals(new int[] {10400, 10401, 10402, 10403, 10400, 10401, 10402, 10403}, words(out, 8));
    }

    @Test
    void aKernelSaysTheSizeOfItsClusters() {
        Pointer kernel = kernel("pairs", ".explicitcluster .reqnctapercluster 2, 1, 1");
        ok(plainLaunch(kernel, 4));
        assertArrayEquals(new int[] {10200, 10201, 10200, 10201}, words(out, 4));
        ok(launch(kernel, config(4, 1, 32, 0, CLUSTER_DIMENSION, 2, 1, 1)));
        refused(CUDA_ERROR_INVALID_CLUSTER_SIZE, "the kernel is for 2 x 1 x 1", kernel,
            config(4, 1, 32, 0, CLUSTER_DIMENSION, 4, 1, 1));
        expect(CUDA_ERROR_INVALID_CLUSTER_SIZE, plainLaunch(kernel, 3));
        assertEquals(2, attribute(kernel, WIDTH));
        assertEquals(1, attribute(kernel, WIDTH + 1));
        expect(CUDA_ERROR_NOT_PERMITTED, call("cuFuncSetAttribute", kernel, WIDTH, 4));
    }

    @Test
    void sizesThatCannotBe() {
        Pointer kernel = kernel("free", "");
        refused(CUDA_ERROR_INVALID_CLUSTER_SIZE, "a grid of 6 x 1 x 1 blocks is no multiple of clusters of 4 x 1 x 1", kernel,
            config(6, 1, 32, 0, CLUSTER_DIMENSION, 4, 1, 1));
        refused(CUDA_ERROR_INVALID_CLUSTER_SIZE, "allowed are 1 to 8", kernel,
            config(16, 1, 32, 0, CLUSTER_DIMENSION, 16, 1, 1));
        ok(call("cuFuncSetAttribute", kernel, NON_PORTABLE, 1));
        assertEquals(1, attribute(kernel, NON_PORTABLE));
        ok(launch(kernel, config(16, 1, 32, 0, CLUSTER_DIMENSION, 16, 1, 1)));
        assertEquals(11615, words(out, 16)[15]);
        refused(CUDA_ERROR_INVALID_CLUSTER_SIZE, "allowed are 1 to 16", kernel,
            config(32, 1, 32, 0, CLUSTER_DIMENSION, 32, 1, 1));
        refused(CUDA_ERROR_INVALID_CLUSTER_SIZE, "clusters of 2 x 0 x 1", kernel,
            config(4, 1, 32, 0, CLUSTER_DIMENSION, 2, 0, 1));
        refused(CUDA_ERROR_INVALID_CLUSTER_SIZE, ".maxclusterrank of the kernel is 2", kernel("small", ".maxclusterrank 2"),
            config(4, 1, 32, 0, CLUSTER_DIMENSION, 4, 1, 1));
        expect(CUDA_ERROR_INVALID_VALUE, call("cuLaunchKernelEx", null, kernel, null, null));
        expect(CUDA_ERROR_INVALID_HANDLE, launch(Pointer.createConstant(4711), config(4, 1, 32, 0)));
        expect(CUDA_ERROR_NOT_SUPPORTED, launch(kernel, config(4, 1, 32, 0, 7, 0, 0, 0)));
    }

    @Test
    void attributesOfFunctions() {
        Pointer kernel = kernel("explicit", ".explicitcluster");
        assertEquals(1, attribute(kernel, MUST_BE_SET));
        expect(CUDA_ERROR_INVALID_CLUSTER_SIZE, plainLaunch(kernel, 4));
        ok(call("cuFuncSetAttribute", kernel, WIDTH, 4));
        ok(call("cuFuncSetAttribute", kernel, WIDTH + 1, 1));
        expect(CUDA_ERROR_INVALID_CLUSTER_SIZE, plainLaunch(kernel, 4));  // there is a depth, too
        ok(call("cuFuncSetAttribute", kernel, WIDTH + 2, 1));
        ok(plainLaunch(kernel, 4));
        assertArrayEquals(new int[] {10400, 10401, 10402, 10403}, words(out, 4));
        expect(CUDA_ERROR_INVALID_VALUE, call("cuFuncSetAttribute", kernel, WIDTH, -1));
        ok(call("cuFuncSetAttribute", kernel, 15, 2));
        assertEquals(2, attribute(kernel, 15));
    }

    private int attribute(Pointer kernel, int number) {
        IntByReference value = new IntByReference(-1);
        ok(call("cuFuncGetAttribute", value, number, kernel));
        return value.getValue();
    }

    /** Eight multiprocessors of 228 KB hold eight blocks of 150 KB, so four clusters of two and none of sixteen. */
    @Test
    void occupancy() {
        SoftwareDriver.capability(9, 0);
        try {
            Pointer kernel = kernel("free", "");
            ok(call("cuFuncSetAttribute", kernel, 8, 200_000));
            IntByReference value = new IntByReference();
            ok(call("cuOccupancyMaxActiveClusters", value, kernel, config(2, 1, 128, 150_000, CLUSTER_DIMENSION, 2, 1, 1)));
            assertEquals(4, value.getValue());
            ok(call("cuOccupancyMaxPotentialClusterSize", value, kernel, config(2, 1, 128, 150_000)));
            assertEquals(8, value.getValue());
            ok(call("cuFuncSetAttribute", kernel, NON_PORTABLE, 1));
            ok(call("cuOccupancyMaxPotentialClusterSize", value, kernel, config(2, 1, 128, 150_000)));
            assertEquals(8, value.getValue());
            ok(call("cuOccupancyMaxPotentialClusterSize", value, kernel, config(2, 1, 128, 0)));
            assertEquals(16, value.getValue());
            refused(CUDA_ERROR_INVALID_CLUSTER_SIZE, "does not hold all 16 blocks of a cluster", kernel,
                config(16, 1, 128, 150_000, CLUSTER_DIMENSION, 16, 1, 1));
        } finally {
            SoftwareDriver.anyCapability();
        }
    }

    @Test
    void onlyFromHopperOn() {
        int[] value = new int[1];
        Pointer kernel = kernel("free", "");
        try {
            SoftwareDriver.capability(8, 0);
            ok(cuDeviceGetAttribute(value, DEVICE_CLUSTER_LAUNCH, device));
            assertEquals(0, value[0]);
            refused(CUDA_ERROR_NOT_SUPPORTED, "below 9.0", kernel, config(4, 1, 32, 0, CLUSTER_DIMENSION, 2, 1, 1));
            SoftwareDriver.capability(9, 0);
            ok(cuDeviceGetAttribute(value, DEVICE_CLUSTER_LAUNCH, device));
            assertEquals(1, value[0]);
            ok(launch(kernel, config(4, 1, 32, 0, CLUSTER_DIMENSION, 2, 1, 1)));
        } finally {
            SoftwareDriver.anyCapability();
        }
    }
}
