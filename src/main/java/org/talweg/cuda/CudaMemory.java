package org.talweg.cuda;

import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.talweg.ops.AllocationLedger;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.tensor.DType;

/** The memory of one device: its buffers, and its books of them. */
final class CudaMemory {
    private final CudaDevice device;
    private final CUstream stream;
    private final AllocationLedger ledger = new AllocationLedger();
    private final List<CudaBuffer> buffers = new ArrayList<>();

    /** @param stream where new memory is cleared */
    CudaMemory(CudaDevice device, CUstream stream) {
        this.device = device;
        this.stream = stream;
    }

    AllocationLedger ledger() {
        return ledger;
    }

    CudaBuffer allocate(DType dtype, long length, String purpose) {
        if (length < 0) {
            throw new IllegalArgumentException(purpose + ": " + length + " elements");
        }
        long bytes = Math.max(Math.multiplyExact(length, dtype.bytes()), 1);
        DeviceAddress memory = new DeviceAddress();
        int result = JCudaDriver.cuMemAlloc(memory, bytes);
        if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw outOfMemory(bytes, purpose);
        }
        Cuda.check(result, "cuMemAlloc of " + bytes + " bytes for " + purpose);
        result = JCudaDriver.cuMemsetD8Async(memory, (byte) 0, bytes, stream);
        if (result != CUresult.CUDA_SUCCESS) {
            CudaException failure = Cuda.failure(result, "clearing " + bytes + " bytes for " + purpose);
            JCudaDriver.cuMemFree(memory);
            throw failure;
        }
        CudaBuffer buffer = new CudaBuffer(device, memory, dtype, length, ledger.enter(purpose, bytes));
        buffers.add(buffer);
        return buffer;
    }

    /** Frees without a check: after a fatal error the driver refuses, and closing must still go through. */
    void release(CudaBuffer buffer) {
        JCudaDriver.cuMemFree(buffer.memory());
        buffers.remove(buffer);
        ledger.settle(buffer.ticket());
    }

    void close() {
        List.copyOf(buffers).forEach(CudaBuffer::close);
    }

    private DeviceMemoryException outOfMemory(long bytes, String purpose) {
        long[] free = new long[1];
        long[] total = new long[1];
        JCudaDriver.cuMemGetInfo(free, total);
        return new DeviceMemoryException("not enough memory on " + device.name() + " for " + purpose + ": " + bytes
            + " bytes wanted, " + free[0] + " of " + total[0] + " free, " + ledger.bytes() + " held by this device; close what"
            + " is no longer used, or make the batch smaller");
    }
}
