package org.talweg.cuda.check;

import static jcuda.driver.CUarray_format.CU_AD_FORMAT_FLOAT;
import static jcuda.driver.CUarray_format.CU_AD_FORMAT_SIGNED_INT32;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import jcuda.driver.CUDA_ARRAY3D_DESCRIPTOR;
import jcuda.driver.CUDA_RESOURCE_DESC;
import jcuda.driver.CUDA_TEXTURE_DESC;
import jcuda.driver.CUarray;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresourcetype;
import jcuda.driver.CUsurfObject;
import jcuda.driver.CUtexObject;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.talweg.cuda.CheckedDevice;
import org.talweg.cuda.SoftwareDriver;

/** Accesses through texture and surface objects are checked as those through addresses are. */
class TextureCheckTest {
    private static final int ELEMENTS = 32;

    private static final class Texture extends CUtexObject {
        long number() {
            return getNativePointer();
        }
    }

    private static final class Surface extends CUsurfObject {
        long number() {
            return getNativePointer();
        }
    }

    private static final class Memory extends CUdeviceptr {
        long address() {
            return getNativePointer();
        }
    }

    private CheckedDevice device;
    private final Memory memory = new Memory();
    private long in;
    private long out;

    @BeforeEach
    void open() {
        device = CheckedDevice.open();
        allocate();
        out = device.allocate(4 * 64);
    }

    @AfterEach
    void close() {
        device.close();
        SoftwareDriver.takeLeaks();
    }

    private void allocate() {
        assertEquals(0, cuMemAlloc(memory, 4 * ELEMENTS));
        in = memory.address();
    }

    private Texture texture() {
        CUDA_RESOURCE_DESC resource = new CUDA_RESOURCE_DESC();
        resource.resType = CUresourcetype.CU_RESOURCE_TYPE_LINEAR;
        resource.linear_devPtr = memory;
        resource.linear_format = CU_AD_FORMAT_FLOAT;
        resource.linear_numChannels = 1;
        resource.linear_sizeInBytes = 4 * ELEMENTS;
        Texture texture = new Texture();
        assertEquals(0, cuTexObjectCreate(texture, resource, new CUDA_TEXTURE_DESC(), null), SoftwareDriver::takeReport);
        return texture;
    }

    private static CUarray array(int width) {
        CUDA_ARRAY3D_DESCRIPTOR shape = new CUDA_ARRAY3D_DESCRIPTOR();
        shape.Width = width;
        shape.Format = CU_AD_FORMAT_SIGNED_INT32;
        shape.NumChannels = 1;
        shape.Flags = 2;  // a surface
        CUarray array = new CUarray();
        assertEquals(0, cuArray3DCreate(array, shape));
        return array;
    }

    private static Surface surface(CUarray array) {
        CUDA_RESOURCE_DESC resource = new CUDA_RESOURCE_DESC();
        resource.resType = CUresourcetype.CU_RESOURCE_TYPE_ARRAY;
        resource.array_hArray = array;
        Surface surface = new Surface();
        assertEquals(0, cuSurfObjectCreate(surface, resource));
        return surface;
    }

    @Test
    void oneElementTooMany() {
        device.clear(in, 4 * ELEMENTS);
        long texture = texture().number();
        device.run("fetch_elements", 1, 64, texture, out, ELEMENTS);
        device.expectReport(List.of("checks.cu:299", "thread (32,0,0)", "fetch of element 32 of a linear texture of 32 elements", "cuMemAlloc #"),
            "fetch_elements", 1, 64, texture, out, ELEMENTS + 1);
    }

    @Test
    void anObjectThatIsDestroyed() {
        device.clear(in, 4 * ELEMENTS);
        Texture texture = texture();
        device.run("fetch_elements", 1, 32, texture.number(), out, ELEMENTS);
        assertEquals(0, cuTexObjectDestroy(texture));
        device.expectReport(List.of("texture object 0x" + Long.toHexString(texture.number()) + ", which is destroyed"), "fetch_elements", 1, 32,
            texture.number(), out, ELEMENTS);
    }

    @Test
    void anObjectThatNeverWas() {
        device.expectReport(List.of("texture object 0x4711, which is none of this context's"), "fetch_elements", 1, 32, 0x4711L, out, ELEMENTS);
    }

    @Test
    void memoryThatIsFreedUnderItsTexture() {
        device.clear(in, 4 * ELEMENTS);
        long texture = texture().number();
        device.run("fetch_elements", 1, 32, texture, out, ELEMENTS);
        device.free(in);
        device.expectReport(List.of("0 bytes into cuMemAlloc #", "of 128 bytes, which is freed"), "fetch_elements", 1, 32, texture, out, ELEMENTS);
    }

    @Test
    void elementsThatNobodyWrote() {
        long texture = texture().number();
        device.clear(in, 4 * 16);
        device.run("fetch_elements", 1, 32, texture, out, 16);
        device.expectReport(List.of("thread (16,0,0)", "uninitialised read of 4 bytes"), "fetch_elements", 1, 32, texture, out, 17);
    }

    @Test
    void blocksThatMeetInASurface() {
        long surface = surface(array(256)).number();
        device.run("blocks_write_a_surface", 4, 64, surface, 1);
        device.expectReport(List.of("race between blocks: write of 4 bytes", "into cuArray3DCreate #", "checks.cu:303"),
            "blocks_write_a_surface", 4, 64, surface, 0);
    }

    @Test
    void anArrayThatIsDestroyedUnderItsSurface() {
        CUarray array = array(64);
        long surface = surface(array).number();
        device.run("blocks_write_a_surface", 1, 64, surface, 0);
        assertEquals(0, cuArrayDestroy(array));
        device.expectReport(List.of("cuArray3DCreate #", "which is freed"), "blocks_write_a_surface", 1, 64, surface, 0);
    }

    @Test
    void whatIsLeftBehindIsNamed() {
        SoftwareDriver.takeLeaks();
        device.free(in);
        allocate();
        long texture = texture().number();
        array(64);
        device.close();
        List<String> leaks = SoftwareDriver.takeLeaks();
        assertTrue(leaks.contains("texture object 0x" + Long.toHexString(texture)), leaks::toString);
        assertTrue(leaks.stream().anyMatch(leak -> leak.startsWith("cuArray3DCreate #") && leak.contains("of 256 bytes")), leaks::toString);
        device = CheckedDevice.open();
    }
}
