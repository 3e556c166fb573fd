package org.talweg.cuda.conformance;

import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUDA_ARRAY3D_DESCRIPTOR;
import jcuda.driver.CUDA_MEMCPY3D;
import jcuda.driver.CUDA_RESOURCE_DESC;
import jcuda.driver.CUDA_RESOURCE_VIEW_DESC;
import jcuda.driver.CUDA_TEXTURE_DESC;
import jcuda.driver.CUarray;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUmipmappedArray;
import jcuda.driver.CUresourcetype;
import jcuda.driver.CUresult;
import jcuda.driver.CUsurfObject;
import jcuda.driver.CUtexObject;
import org.talweg.cuda.SoftwareDriver;

/** Arrays, textures and surfaces in the context of {@link Ptx}'s kernels; all are gone when this is closed. */
final class Images implements AutoCloseable {
    static final int LAYERED = 1;
    static final int SURFACE = 2;
    static final int CUBE = 4;
    static final int AS_INTEGER = 1;
    static final int NORMALIZED = 2;
    static final int SRGB = 0x10;
    static final int WRAP = 0;
    static final int CLAMP = 1;
    static final int MIRROR = 2;
    static final int BORDER = 3;

    private static final class TextureHandle extends CUtexObject {
        long number() {
            return getNativePointer();
        }
    }

    private static final class SurfaceHandle extends CUsurfObject {
        long number() {
            return getNativePointer();
        }
    }

    private final List<Runnable> closing = new ArrayList<>();

    Images() {
        Ptx.open();
    }

    static void check(int result) {
        assertEquals("CUDA_SUCCESS", CUresult.stringFor(result), SoftwareDriver::takeReport);
    }

    static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    static ByteBuffer floats(float... values) {
        ByteBuffer bytes = buffer(4 * values.length);
        bytes.asFloatBuffer().put(values);
        return bytes;
    }

    static CUDA_ARRAY3D_DESCRIPTOR shape(int width, int height, int depth, int format, int channels, int flags) {
        CUDA_ARRAY3D_DESCRIPTOR shape = new CUDA_ARRAY3D_DESCRIPTOR();
        shape.Width = width;
        shape.Height = height;
        shape.Depth = depth;
        shape.Format = format;
        shape.NumChannels = channels;
        shape.Flags = flags;
        return shape;
    }

    CUarray array(CUDA_ARRAY3D_DESCRIPTOR shape, int elementBytes, ByteBuffer contents) {
        CUarray array = new CUarray();
        check(cuArray3DCreate(array, shape));
        closing.add(() -> check(cuArrayDestroy(array)));
        if (contents != null) {
            check(cuMemcpy3D(box(shape, elementBytes, array, contents, true)));
        }
        return array;
    }

    CUmipmappedArray mipmapped(CUDA_ARRAY3D_DESCRIPTOR shape, int elementBytes, List<ByteBuffer> contents) {
        CUmipmappedArray all = new CUmipmappedArray();
        check(cuMipmappedArrayCreate(all, shape, contents.size()));
        closing.add(() -> check(cuMipmappedArrayDestroy(all)));
        for (int level = 0; level < contents.size(); level++) {
            CUarray array = new CUarray();
            check(cuMipmappedArrayGetLevel(array, all, level));
            CUDA_ARRAY3D_DESCRIPTOR of = new CUDA_ARRAY3D_DESCRIPTOR();
            check(cuArray3DGetDescriptor(of, array));
            check(cuMemcpy3D(box(of, elementBytes, array, contents.get(level), true)));
        }
        return all;
    }

    /** What is in an array. */
    static ByteBuffer contents(CUarray array, int elementBytes) {
        CUDA_ARRAY3D_DESCRIPTOR shape = new CUDA_ARRAY3D_DESCRIPTOR();
        check(cuArray3DGetDescriptor(shape, array));
        ByteBuffer bytes = buffer((int) (shape.Width * Math.max(shape.Height, 1) * Math.max(shape.Depth, 1) * elementBytes));
        check(cuMemcpy3D(box(shape, elementBytes, array, bytes, false)));
        return bytes;
    }

    private static CUDA_MEMCPY3D box(CUDA_ARRAY3D_DESCRIPTOR shape, int elementBytes, CUarray array, ByteBuffer host, boolean up) {
        CUDA_MEMCPY3D copy = new CUDA_MEMCPY3D();
        copy.WidthInBytes = shape.Width * elementBytes;
        copy.Height = Math.max(shape.Height, 1);
        copy.Depth = Math.max(shape.Depth, 1);
        copy.srcMemoryType = up ? CUmemorytype.CU_MEMORYTYPE_HOST : CUmemorytype.CU_MEMORYTYPE_ARRAY;
        copy.dstMemoryType = up ? CUmemorytype.CU_MEMORYTYPE_ARRAY : CUmemorytype.CU_MEMORYTYPE_HOST;
        copy.srcHost = up ? Pointer.to(host) : null;
        copy.dstHost = up ? null : Pointer.to(host);
        copy.srcArray = up ? null : array;
        copy.dstArray = up ? array : null;
        copy.srcPitch = up ? copy.WidthInBytes : 0;
        copy.srcHeight = up ? copy.Height : 0;
        copy.dstPitch = up ? 0 : copy.WidthInBytes;
        copy.dstHeight = up ? 0 : copy.Height;
        return copy;
    }

    CUdeviceptr memory(ByteBuffer contents) {
        CUdeviceptr memory = new CUdeviceptr();
        check(cuMemAlloc(memory, contents.capacity()));
        closing.add(() -> check(cuMemFree(memory)));
        check(cuMemcpyHtoD(memory, Pointer.to(contents), contents.capacity()));
        return memory;
    }

    static CUDA_RESOURCE_DESC of(CUarray array) {
        CUDA_RESOURCE_DESC resource = new CUDA_RESOURCE_DESC();
        resource.resType = CUresourcetype.CU_RESOURCE_TYPE_ARRAY;
        resource.array_hArray = array;
        return resource;
    }

    static CUDA_RESOURCE_DESC of(CUmipmappedArray array) {
        CUDA_RESOURCE_DESC resource = new CUDA_RESOURCE_DESC();
        resource.resType = CUresourcetype.CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
        resource.mipmap_hMipmappedArray = array;
        return resource;
    }

    static CUDA_RESOURCE_DESC linear(CUdeviceptr memory, long bytes, int format, int channels) {
        CUDA_RESOURCE_DESC resource = new CUDA_RESOURCE_DESC();
        resource.resType = CUresourcetype.CU_RESOURCE_TYPE_LINEAR;
        resource.linear_devPtr = memory;
        resource.linear_sizeInBytes = bytes;
        resource.linear_format = format;
        resource.linear_numChannels = channels;
        return resource;
    }

    /** The same address mode in all dimensions. */
    static CUDA_TEXTURE_DESC sampler(int address, boolean linear, int flags) {
        CUDA_TEXTURE_DESC sampler = new CUDA_TEXTURE_DESC();
        sampler.addressMode = new int[] {address, address, address};
        sampler.filterMode = linear ? 1 : 0;
        sampler.flags = flags;
        sampler.borderColor = new float[] {0.5f, -2, 3, 4};
        return sampler;
    }

    long texture(CUDA_RESOURCE_DESC resource, CUDA_TEXTURE_DESC sampler) {
        return texture(resource, sampler, null);
    }

    long texture(CUDA_RESOURCE_DESC resource, CUDA_TEXTURE_DESC sampler, CUDA_RESOURCE_VIEW_DESC view) {
        TextureHandle handle = new TextureHandle();
        check(cuTexObjectCreate(handle, resource, sampler, view));
        closing.add(0, () -> check(cuTexObjectDestroy(handle)));
        return handle.number();
    }

    long surface(CUarray array) {
        SurfaceHandle handle = new SurfaceHandle();
        check(cuSurfObjectCreate(handle, of(array)));
        closing.add(0, () -> check(cuSurfObjectDestroy(handle)));
        return handle.number();
    }

    /** Nothing to destroy: the context is gone. */
    void lost() {
        closing.clear();
    }

    @Override
    public void close() {
        closing.forEach(Runnable::run);
    }
}
