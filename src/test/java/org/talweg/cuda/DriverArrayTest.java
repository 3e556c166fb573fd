package org.talweg.cuda;

import static jcuda.driver.CUarray_format.*;
import static jcuda.driver.CUresult.*;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.stream.IntStream;
import jcuda.Pointer;
import jcuda.driver.CUDA_ARRAY3D_DESCRIPTOR;
import jcuda.driver.CUDA_ARRAY_DESCRIPTOR;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUDA_MEMCPY3D;
import jcuda.driver.CUDA_RESOURCE_DESC;
import jcuda.driver.CUDA_RESOURCE_VIEW_DESC;
import jcuda.driver.CUDA_TEXTURE_DESC;
import jcuda.driver.CUarray;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUmipmappedArray;
import jcuda.driver.CUresourcetype;
import jcuda.driver.CUstream;
import jcuda.driver.CUsurfObject;
import jcuda.driver.CUtexObject;
import org.junit.jupiter.api.Test;

/** Arrays, copies to and from them, and the objects made of them. */
class DriverArrayTest extends DriverFixture {

    private static CUarray array(int width, int height) {
        CUDA_ARRAY_DESCRIPTOR shape = new CUDA_ARRAY_DESCRIPTOR();
        shape.Width = width;
        shape.Height = height;
        shape.Format = CU_AD_FORMAT_SIGNED_INT32;
        shape.NumChannels = 1;
        CUarray array = new CUarray();
        ok(cuArrayCreate(array, shape));
        return array;
    }

    private static CUDA_ARRAY3D_DESCRIPTOR shape(int width, int height, int depth, int flags) {
        CUDA_ARRAY3D_DESCRIPTOR shape = new CUDA_ARRAY3D_DESCRIPTOR();
        shape.Width = width;
        shape.Height = height;
        shape.Depth = depth;
        shape.Format = CU_AD_FORMAT_SIGNED_INT32;
        shape.NumChannels = 1;
        shape.Flags = flags;
        return shape;
    }

    private static ByteBuffer host(int... words) {
        ByteBuffer host = ByteBuffer.allocateDirect(4 * words.length).order(ByteOrder.nativeOrder());
        host.asIntBuffer().put(words);
        return host;
    }

    private static int[] words(ByteBuffer host) {
        int[] words = new int[host.capacity() / 4];
        host.asIntBuffer().get(words);
        return words;
    }

    private static CUDA_RESOURCE_DESC of(CUarray array) {
        CUDA_RESOURCE_DESC resource = new CUDA_RESOURCE_DESC();
        resource.resType = CUresourcetype.CU_RESOURCE_TYPE_ARRAY;
        resource.array_hArray = array;
        return resource;
    }

    @Test
    void rowsGoEveryWay() {
        CUarray one = array(8, 0);
        CUarray other = array(8, 0);
        int[] words = IntStream.range(10, 18).toArray();
        ok(cuMemcpyHtoA(one, 0, Pointer.to(host(words)), 32));
        ok(cuMemcpyAtoA(other, 8, one, 4, 12));  // 11, 12, 13 to 2, 3, 4
        ok(cuMemcpyHtoAAsync(other, 0, Pointer.to(host(1, 2)), 8, new CUstream()));
        DeviceAddress memory = memory(3);
        ok(cuMemcpyAtoD(memory, one, 20, 12));  // 15, 16, 17
        ok(cuMemcpyDtoA(other, 20, memory, 12));
        ByteBuffer back = host(new int[8]);
        ok(cuMemcpyAtoH(Pointer.to(back), other, 0, 32));
        assertArrayEquals(new int[] {1, 2, 11, 12, 13, 15, 16, 17}, words(back));
        ByteBuffer some = host(0, 0);
        ok(cuMemcpyAtoHAsync(Pointer.to(some), other, 16, 8, new CUstream()));
        ok(cuCtxSynchronize());
        assertArrayEquals(new int[] {13, 15}, words(some));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoA(one, 4, Pointer.to(host(words)), 32));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpyAtoH(Pointer.to(back), one, 33, 4));
        expect(CUDA_ERROR_INVALID_HANDLE, cuMemcpyAtoH(Pointer.to(back), new CUarray(), 0, 4));
        ok(cuArrayDestroy(one));
        expect(CUDA_ERROR_INVALID_HANDLE, cuMemcpyAtoH(Pointer.to(back), one, 0, 4));
        expect(CUDA_ERROR_INVALID_HANDLE, cuArrayDestroy(one));
    }

    @Test
    void boxesGoToWhereTheyBelong() {
        CUarray array = array(5, 4);
        CUDA_MEMCPY2D up = new CUDA_MEMCPY2D();
        up.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
        up.srcHost = Pointer.to(host(IntStream.range(0, 20).toArray()));
        up.srcPitch = 20;
        up.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_ARRAY;
        up.dstArray = array;
        up.WidthInBytes = 20;
        up.Height = 4;
        ok(cuMemcpy2D(up));
        ByteBuffer back = host(new int[6]);
        CUDA_MEMCPY2D down = new CUDA_MEMCPY2D();
        down.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_ARRAY;
        down.srcArray = array;
        down.srcXInBytes = 8;
        down.srcY = 2;
        down.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
        down.dstHost = Pointer.to(back);
        down.dstPitch = 12;
        down.WidthInBytes = 12;
        down.Height = 2;
        ok(cuMemcpy2D(down));
        assertArrayEquals(new int[] {12, 13, 14, 17, 18, 19}, words(back));
        down.srcY = 3;
        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D(down));
        up.dstXInBytes = 4;
        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpy2DAsync(up, new CUstream()));
    }

    @Test
    void volumesAndLevels() {
        CUarray volume = new CUarray();
        ok(cuArray3DCreate(volume, shape(3, 2, 2, 0)));
        CUDA_MEMCPY3D copy = new CUDA_MEMCPY3D();
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
        copy.srcHost = Pointer.to(host(IntStream.range(0, 12).toArray()));
        copy.srcPitch = 12;
        copy.srcHeight = 2;
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_ARRAY;
        copy.dstArray = volume;
        copy.WidthInBytes = 12;
        copy.Height = 2;
        copy.Depth = 2;
        ok(cuMemcpy3D(copy));
        copy.dstZ = 1;
        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpy3D(copy));

        CUmipmappedArray all = new CUmipmappedArray();
        ok(cuMipmappedArrayCreate(all, shape(8, 4, 0, 0), 10));
        CUarray level = new CUarray();
        ok(cuMipmappedArrayGetLevel(level, all, 3));
        expect(CUDA_ERROR_INVALID_VALUE, cuMipmappedArrayGetLevel(new CUarray(), all, 4));
        CUDA_ARRAY3D_DESCRIPTOR smallest = new CUDA_ARRAY3D_DESCRIPTOR();
        ok(cuArray3DGetDescriptor(smallest, level));
        assertEquals(1, smallest.Width);
        assertEquals(1, smallest.Height);
        assertEquals(0, smallest.Depth);
        expect(CUDA_ERROR_INVALID_HANDLE, cuArrayDestroy(level));
        ok(cuMipmappedArrayDestroy(all));
        expect(CUDA_ERROR_INVALID_HANDLE, cuArray3DGetDescriptor(smallest, level));
        expect(CUDA_ERROR_INVALID_HANDLE, cuMipmappedArrayDestroy(all));
    }

    @Test
    void descriptorsComeBack() {
        CUDA_ARRAY_DESCRIPTOR flat = new CUDA_ARRAY_DESCRIPTOR();
        ok(cuArrayGetDescriptor(flat, array(5, 4)));
        assertEquals(5, flat.Width);
        assertEquals(4, flat.Height);
        assertEquals(CU_AD_FORMAT_SIGNED_INT32, flat.Format);
        assertEquals(1, flat.NumChannels);
        CUarray array = new CUarray();
        ok(cuArray3DCreate(array, shape(8, 8, 3, 3)));
        CUDA_ARRAY3D_DESCRIPTOR is = new CUDA_ARRAY3D_DESCRIPTOR();
        ok(cuArray3DGetDescriptor(is, array));
        assertEquals(3, is.Depth);
        assertEquals(3, is.Flags);

        CUDA_TEXTURE_DESC sampler = new CUDA_TEXTURE_DESC();
        sampler.addressMode = new int[] {1, 3, 0};
        sampler.flags = 1;
        sampler.borderColor = new float[] {1, 2, 3, 4};
        CUDA_RESOURCE_VIEW_DESC view = new CUDA_RESOURCE_VIEW_DESC();
        view.lastLayer = 1;
        CUtexObject texture = new CUtexObject();
        ok(cuTexObjectCreate(texture, of(array), sampler, view));
        CUDA_TEXTURE_DESC sampled = new CUDA_TEXTURE_DESC();
        ok(cuTexObjectGetTextureDesc(sampled, texture));
        assertArrayEquals(sampler.addressMode, sampled.addressMode);
        assertArrayEquals(sampler.borderColor, sampled.borderColor);
        CUDA_RESOURCE_DESC resource = new CUDA_RESOURCE_DESC();
        ok(cuTexObjectGetResourceDesc(resource, texture));
        assertEquals(array, resource.array_hArray);
        CUDA_RESOURCE_VIEW_DESC viewed = new CUDA_RESOURCE_VIEW_DESC();
        ok(cuTexObjectGetResourceViewDesc(viewed, texture));
        assertEquals(1, viewed.lastLayer);
        CUsurfObject surface = new CUsurfObject();
        ok(cuSurfObjectCreate(surface, of(array)));
        ok(cuSurfObjectGetResourceDesc(resource, surface));
        assertEquals(array, resource.array_hArray);
        ok(cuSurfObjectDestroy(surface));
        expect(CUDA_ERROR_INVALID_HANDLE, cuSurfObjectDestroy(surface));
        ok(cuTexObjectDestroy(texture));
        expect(CUDA_ERROR_INVALID_HANDLE, cuTexObjectDestroy(texture));
        expect(CUDA_ERROR_INVALID_HANDLE, cuTexObjectGetTextureDesc(sampled, texture));
    }

    @Test
    void whatCannotBeIsRefused() {
        expect(CUDA_ERROR_INVALID_VALUE, cuArray3DCreate(new CUarray(), shape(0, 4, 0, 0)));
        expect(CUDA_ERROR_INVALID_VALUE, cuArray3DCreate(new CUarray(), shape(4, 5, 6, 4)));  // faces are square
        expect(CUDA_ERROR_INVALID_VALUE, cuArray3DCreate(new CUarray(), shape(4, 4, 5, 4)));
        expect(CUDA_ERROR_INVALID_VALUE, cuArray3DCreate(new CUarray(), shape(4, 0, 5, 0)));
        expect(CUDA_ERROR_NOT_SUPPORTED, cuArray3DCreate(new CUarray(), shape(4, 4, 0, 0x40)));  // sparse
        CUDA_ARRAY3D_DESCRIPTOR odd = shape(4, 4, 0, 0);
        odd.NumChannels = 3;
        expect(CUDA_ERROR_INVALID_VALUE, cuArray3DCreate(new CUarray(), odd));
        expect(CUDA_ERROR_OUT_OF_MEMORY, cuArray3DCreate(new CUarray(), shape(1 << 30, 1 << 30, 1 << 30, 0)));

        CUarray array = array(4, 4);
        CUDA_TEXTURE_DESC sampler = new CUDA_TEXTURE_DESC();
        sampler.filterMode = 1;
        expect(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(new CUtexObject(), of(array), sampler, null));  // integers are not blended
        sampler.filterMode = 0;
        expect(CUDA_ERROR_INVALID_HANDLE, cuTexObjectCreate(new CUtexObject(), of(new CUarray()), sampler, null));
        expect(CUDA_ERROR_INVALID_VALUE, cuSurfObjectCreate(new CUsurfObject(), of(array)));  // not made for surfaces
        CUDA_RESOURCE_DESC linear = new CUDA_RESOURCE_DESC();
        linear.resType = CUresourcetype.CU_RESOURCE_TYPE_LINEAR;
        linear.linear_devPtr = memory(16);
        linear.linear_format = CU_AD_FORMAT_FLOAT;
        linear.linear_numChannels = 1;
        linear.linear_sizeInBytes = 68;
        expect(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(new CUtexObject(), linear, sampler, null));
        linear.linear_sizeInBytes = 64;
        CUtexObject texture = new CUtexObject();
        ok(cuTexObjectCreate(texture, linear, sampler, null));
        ok(cuTexObjectDestroy(texture));
    }
}
