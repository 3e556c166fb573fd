package org.talweg.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
import static jcuda.driver.CUresult.CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
import static jcuda.driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_CONTEXT;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_DEVICE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_HANDLE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY;
import static jcuda.driver.CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
import static jcuda.driver.CUresult.CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
import static jcuda.driver.CUresult.CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
import static jcuda.driver.JCudaDriver.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUDA_MEMCPY2D;
import jcuda.driver.CUDA_MEMCPY3D;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmemLocation;
import jcuda.driver.CUmemPoolProps;
import jcuda.driver.CUmemoryPool;
import jcuda.driver.CUmemorytype;
import jcuda.driver.CUmodule;
import jcuda.driver.CUpointer_attribute;
import jcuda.driver.CUstream;
import jcuda.driver.CUuuid;
import org.junit.jupiter.api.Test;

/** Memory of every kind, copies of every shape, several devices. */
class DriverMemoryTest extends DriverFixture {

    private static CUDA_MEMCPY2D rectangle(CUdeviceptr from, long fromPitch, CUdeviceptr to, long toPitch,
                                           long widthBytes, long height) {
        CUDA_MEMCPY2D copy = new CUDA_MEMCPY2D();
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.srcDevice = from;
        copy.srcPitch = fromPitch;
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.dstDevice = to;
        copy.dstPitch = toPitch;
        copy.WidthInBytes = widthBytes;
        copy.Height = height;
        return copy;
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    @Test
    void rowsAreCopiedAtTheirPitch() {
        DeviceAddress pitched = new DeviceAddress();
        long[] pitch = new long[1];
        ok(cuMemAllocPitch(pitched, pitch, 12, 3, 4));
        assertEquals(512, pitch[0]);
        ok(cuMemsetD32(pitched, 0, 3 * 128));
        ByteBuffer host = direct(4 * 4 * 4);
        for (int i = 0; i < 16; i++) {
            host.putInt(i * 4, i);
        }

        CUDA_MEMCPY2D in = rectangle(null, 16, pitched, pitch[0], 12, 3);
        in.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_HOST;
        in.srcHost = Pointer.to(host);
        in.srcXInBytes = 4;
        in.srcY = 1;
        ok(cuMemcpy2D(in));
        assertArrayEquals(new int[] {5, 6, 7, 0}, words(pitched, 4));
        assertArrayEquals(new int[] {13, 14, 15, 0}, words(pitched.withByteOffset(1024), 4));

        DeviceAddress dense = memory(9);
        ok(cuMemcpy2DUnaligned(rectangle(pitched, pitch[0], dense, 12, 12, 3)));
        assertArrayEquals(new int[] {5, 6, 7, 9, 10, 11, 13, 14, 15}, words(dense, 9));
        CUDA_MEMCPY2D corner = rectangle(dense, 12, dense, 12, 4, 2);
        corner.dstXInBytes = 8;
        corner.dstY = 1;
        ok(cuMemcpy2DAsync(corner, stream(0)));
        assertArrayEquals(new int[] {5, 6, 7, 9, 10, 5, 13, 14, 9}, words(dense, 9));

        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D(rectangle(dense, 12, pitched, pitch[0], 12, 4)));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D(rectangle(dense, 8, pitched, pitch[0], 12, 3)));
        ok(cuMemcpy2D(rectangle(dense, 12, pitched, pitch[0], 0, 4)));
        CUDA_MEMCPY2D noArray = rectangle(dense, 12, pitched, pitch[0], 12, 3);
        noArray.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_ARRAY;
        expect(CUDA_ERROR_INVALID_HANDLE, cuMemcpy2D(noArray));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch(new DeviceAddress(), pitch, 12, 3, 3));
        ok(cuMemFree(pitched));
    }

    @Test
    void boxesAreCopiedPlaneByPlane() {
        DeviceAddress from = memory(2 * 3 * 4);
        DeviceAddress to = memory(2 * 2 * 2);
        for (int i = 0; i < 24; i++) {
            ok(cuMemsetD32(from.withByteOffset(i * 4L), i, 1));
        }
        CUDA_MEMCPY3D copy = new CUDA_MEMCPY3D();
        copy.srcMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.srcDevice = from;
        copy.srcXInBytes = 8;
        copy.srcY = 1;
        copy.srcPitch = 16;
        copy.srcHeight = 3;
        copy.dstMemoryType = CUmemorytype.CU_MEMORYTYPE_DEVICE;
        copy.dstDevice = to;
        copy.dstPitch = 8;
        copy.dstHeight = 2;
        copy.WidthInBytes = 8;
        copy.Height = 2;
        copy.Depth = 2;
        ok(cuMemcpy3D(copy));
        assertArrayEquals(new int[] {6, 7, 10, 11, 18, 19, 22, 23}, words(to, 8));
        copy.srcHeight = 1;
        expect(CUDA_ERROR_INVALID_VALUE, cuMemcpy3D(copy));
    }

    @Test
    void rectanglesAreFilledInEveryWidth() {
        DeviceAddress data = memory(12);
        ok(cuMemsetD32(data, 0, 12));
        ok(cuMemsetD2D32(data.withByteOffset(4), 16, 7, 2, 3));
        assertArrayEquals(new int[] {0, 7, 7, 0, 0, 7, 7, 0, 0, 7, 7, 0}, words(data, 12));
        ok(cuMemsetD2D16(data, 16, (short) 0x0102, 1, 3));
        ok(cuMemsetD2D8(data.withByteOffset(15), 16, (byte) 9, 1, 2));
        assertArrayEquals(new int[] {0x0102, 7, 7, 9 << 24, 0x0102, 7, 7, 9 << 24, 0x0102, 7, 7, 0}, words(data, 12));
        CUstream stream = stream(0);
        ok(cuMemsetD2D32Async(data, 16, 1, 4, 1, stream));
        ok(cuMemsetD2D16Async(data.withByteOffset(16), 4, (short) 2, 2, 4, stream));
        ok(cuMemsetD2D8Async(data.withByteOffset(32), 16, (byte) 3, 16, 1, stream));
        assertArrayEquals(new int[] {1, 1, 1, 1, 0x20002, 0x20002, 0x20002, 0x20002, 0x3030303, 0x3030303, 0x3030303,
            0x3030303}, words(data, 12));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D32(data, 4, 0, 2, 2));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D32(data, 16, 0, 4, 4));
    }

    private static DeviceAddress filled(int value) {
        DeviceAddress data = memory(1);
        ok(cuMemsetD32(data, value, 1));
        return data;
    }

    @Test
    void managedMemoryIsOneMemoryForBothSides() throws IOException {
        DeviceAddress managed = new DeviceAddress();
        ok(cuMemAllocManaged(managed, 64, 1));
        long[] host = new long[1];
        ok(cuPointerGetAttribute(Pointer.to(host), CUpointer_attribute.CU_POINTER_ATTRIBUTE_HOST_POINTER, managed));
        Pointer asHostMemory = new DeviceAddress(host[0]);
        ok(cuMemcpyDtoH(asHostMemory, filled(4), 4));
        ok(add(function(module(), "add_to"), new CUstream(), managed, 5));
        ok(cuCtxSynchronize());
        DeviceAddress plain = memory(1);
        ok(cuMemcpyHtoD(plain, asHostMemory, 4));
        assertEquals(9, word(plain));
        ok(cuMemPrefetchAsync(managed, 64, device, new CUstream()));
        ok(cuMemAdvise(managed, 64, 1, device));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync(memory(1), 4, device, new CUstream()));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(new DeviceAddress(), 64, 0));
        ok(cuMemFree(managed));
    }

    @Test
    void pointersTellWhatTheyPointTo() {
        DeviceAddress data = memory(8);
        int[] value = new int[2];
        long[] address = new long[1];
        Pointer middle = Pointer.to(value);
        ok(cuPointerGetAttribute(middle, CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, data));
        assertEquals(CUmemorytype.CU_MEMORYTYPE_DEVICE, value[0]);
        ok(cuPointerGetAttribute(Pointer.to(address), CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
            data.withByteOffset(12)));
        assertEquals(data.address(), address[0]);
        ok(cuPointerGetAttribute(Pointer.to(address), CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_SIZE, data));
        assertEquals(32, address[0]);
        ok(cuPointerGetAttribute(middle, CUpointer_attribute.CU_POINTER_ATTRIBUTE_IS_MANAGED, data));
        assertEquals(0, value[0]);
        expect(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(middle,
            CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, new DeviceAddress(4096)));
    }

    @Test
    void hostMemoryIsRegisteredOnceAndOnlyOnce() throws IOException {
        ByteBuffer memory = direct(64);
        Pointer pointer = Pointer.to(memory);
        ok(cuMemHostRegister(pointer, 64, 0));
        expect(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister(pointer, 64, 0));
        DeviceAddress address = new DeviceAddress();
        ok(cuMemHostGetDevicePointer(address, pointer, 0));
        ok(add(function(module(), "add_to"), new CUstream(), address, 3));
        assertEquals(3, memory.getInt(0));
        ok(cuMemHostUnregister(pointer));
        expect(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(pointer));
        Pointer pinned = new Pointer();
        int[] flags = new int[1];
        ok(cuMemHostAlloc(pinned, 64, CU_MEMHOSTALLOC_PORTABLE));
        ok(cuMemHostGetFlags(flags, pinned));
        assertEquals(CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP, flags[0]);
        expect(CUDA_ERROR_INVALID_VALUE, cuMemHostGetFlags(flags, Pointer.to(direct(4))));
        ok(cuMemFreeHost(pinned));
    }

    @Test
    void memoryCanBeTakenAndGivenBackInTheOrderOfAStream() {
        CUstream stream = stream(0);
        DeviceAddress data = new DeviceAddress();
        long before = SoftwareDriver.memoryInUse();
        ok(cuMemAllocAsync(data, 64, stream));
        ok(cuMemsetD32Async(data, 5, 16, stream));
        assertEquals(5, word(data.withByteOffset(60)));
        assertEquals(before + 64, SoftwareDriver.memoryInUse());
        ok(cuMemFreeAsync(data, stream));
        ok(cuStreamSynchronize(stream));
        assertEquals(before, SoftwareDriver.memoryInUse());
        expect(CUDA_ERROR_INVALID_VALUE, cuMemFreeAsync(data, stream));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemFree(data));

        CUmemoryPool pool = new CUmemoryPool();
        ok(cuMemPoolCreate(pool, new CUmemPoolProps(1, 0, new CUmemLocation(1, 0), null)));
        ok(cuMemAllocFromPoolAsync(data, 64, pool, stream));
        ok(cuMemPoolTrimTo(pool, 0));
        ok(cuMemPoolDestroy(pool));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemAllocFromPoolAsync(new DeviceAddress(), 64, pool, stream));
        ok(cuMemsetD32(data, 6, 16));
        ok(cuMemFree(data));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemPoolCreate(pool,
            new CUmemPoolProps(1, 0, new CUmemLocation(1, 99), null)));
    }

    @Test
    void allContextsShareTheirAddressesButKernelsReachTheirOwnAlone() throws IOException {
        DeviceAddress first = memory(4);
        Pointer pinned = new Pointer();
        ok(cuMemsetD32(first, 1, 4));
        ok(cuMemHostAlloc(pinned, 16, 0));
        ByteBuffer shared = pinned.getByteBuffer(0, 16).order(ByteOrder.nativeOrder());
        shared.putInt(0, 0);
        CUcontext other = new CUcontext();
        ok(cuCtxCreate(other, 0, device));
        CUfunction kernel = function(module(), "add_to");
        DeviceAddress second = memory(4);
        ok(cuMemcpyDtoD(second, first, 16));
        assertEquals(1, word(second));
        DeviceAddress mapped = new DeviceAddress();
        ok(cuMemHostGetDevicePointer(mapped, pinned, 0));
        ok(add(kernel, new CUstream(), mapped, 7));
        assertEquals(7, shared.getInt(0));
        expect(CUDA_ERROR_ILLEGAL_ADDRESS, add(kernel, new CUstream(), first, 1));
        ok(cuCtxDestroy(other));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemFree(second));
        ok(cuMemFree(first));
    }

    @Test
    void severalDevicesCopyAndReachEachOther() throws IOException {
        SoftwareDriver.devices(2);
        try {
            int[] count = new int[1];
            ok(cuDeviceGetCount(count));
            assertEquals(2, count[0]);
            CUdevice secondDevice = new CUdevice();
            ok(cuDeviceGet(secondDevice, 1));
            CUuuid firstId = new CUuuid();
            CUuuid secondId = new CUuuid();
            ok(cuDeviceGetUuid(firstId, device));
            ok(cuDeviceGetUuid(secondId, secondDevice));
            assertNotEquals(firstId.toString(), secondId.toString());
            ok(cuDeviceCanAccessPeer(count, device, secondDevice));
            assertEquals(1, count[0]);
            ok(cuDeviceCanAccessPeer(count, device, device));
            assertEquals(0, count[0]);
            expect(CUDA_ERROR_INVALID_DEVICE, cuDeviceCanAccessPeer(count, device, otherThan(secondDevice)));
            String[] bus = new String[1];
            ok(cuDeviceGetPCIBusId(bus, 64, secondDevice));
            CUdevice found = new CUdevice();
            ok(cuDeviceGetByPCIBusId(found, bus[0]));
            assertEquals(secondDevice, found);

            CUfunction kernel = function(module(), "add_to");
            DeviceAddress here = memory(4);
            ok(cuMemsetD32(here, 3, 4));
            CUcontext other = new CUcontext();
            ok(cuCtxCreate(other, 0, secondDevice));
            DeviceAddress there = memory(4);
            ok(cuMemcpyPeer(there, other, here, context, 16));
            assertEquals(3, word(there));
            expect(CUDA_ERROR_INVALID_VALUE, cuMemcpyPeer(there, context, here, other, 16));
            expect(CUDA_ERROR_INVALID_CONTEXT, cuMemcpyPeer(there, new CUcontext(), here, context, 16));

            ok(cuCtxSetCurrent(context));
            expect(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, cuCtxDisablePeerAccess(other));
            ok(cuCtxEnablePeerAccess(other, 0));
            expect(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, cuCtxEnablePeerAccess(other, 0));
            expect(CUDA_ERROR_INVALID_CONTEXT, cuCtxEnablePeerAccess(context, 0));
            ok(add(kernel, new CUstream(), there, 4));
            assertEquals(7, word(there));
            ok(cuCtxDisablePeerAccess(other));
            expect(CUDA_ERROR_ILLEGAL_ADDRESS, add(kernel, new CUstream(), there, 4));
            ok(cuCtxDestroy(other));
            ok(cuCtxDestroy(context));
        } finally {
            SoftwareDriver.devices(1);
        }
    }

    @Test
    void contextsOfOneDeviceNeedNoPeerAccess() {
        CUcontext other = new CUcontext();
        ok(cuCtxCreate(other, 0, device));
        expect(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, cuCtxEnablePeerAccess(context, 0));
        ok(cuCtxDestroy(other));
    }

    private static CUdevice otherThan(CUdevice last) {
        SoftwareDriver.devices(3);
        CUdevice third = new CUdevice();
        ok(cuDeviceGet(third, 2));
        SoftwareDriver.devices(2);
        assertNotEquals(last, third);
        return third;
    }

    @Test
    void aDeviceCanPoseAsAnotherChip() {
        try {
            SoftwareDriver.capability(9, 0);
            int[] value = new int[1];
            ok(cuDeviceGetAttribute(value, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device));
            assertEquals(9, value[0]);
            ok(cuDeviceGetAttribute(value, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
                device));
            assertEquals(227 * 1024, value[0]);
        } finally {
            SoftwareDriver.anyCapability();
        }
    }

    @Test
    void variablesThatDoNotFitAreOutOfMemory() {
        long before = SoftwareDriver.memory();
        SoftwareDriver.memory(64);
        CUcontext small = new CUcontext();
        ok(cuCtxCreate(small, 0, device));
        SoftwareDriver.memory(before);
        expect(CUDA_ERROR_OUT_OF_MEMORY, cuModuleLoadData(new CUmodule(),
            ".version 8.0\n.target sm_75\n.address_size 64\n.global .align 4 .b8 large[128];\n"));
        ok(cuCtxDestroy(small));
    }

    @Test
    void anAllocationBeyondTheDeviceIsOutOfMemory() {
        long[] free = new long[1];
        long[] total = new long[1];
        ok(cuMemGetInfo(free, total));
        assertTrue(free[0] <= total[0]);
        expect(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(new DeviceAddress(), free[0] + 1));
        expect(CUDA_ERROR_INVALID_VALUE, cuMemAlloc(new DeviceAddress(), 0));
    }
}
