package org.talweg.cuda;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * Copies between Java arrays and the device through pinned memory, piece by piece. An upload returns once the values
 * have left the array; a download waits for all work before it.
 */
final class HostTransfer {
    /** Elements of one piece: 1 MiB, where a PCIe copy reaches its full speed. */
    private static final int PIECE = 1 << 18;

    private final CUstream stream;
    private final PinnedMemory memory = new PinnedMemory(PIECE * Integer.BYTES);
    private final FloatBuffer floats = memory.bytes().asFloatBuffer();
    private final IntBuffer ints = memory.bytes().asIntBuffer();
    /** Reached when the device has read the piece that the pinned memory holds. */
    private final CUevent uploaded = new CUevent();

    HostTransfer(CUstream stream) {
        this.stream = stream;
        Cuda.check(JCudaDriver.cuEventCreate(uploaded, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
    }

    void upload(float[] source, Tensor destination) {
        int elements = check(destination, DType.FLOAT32, source.length);
        long address = CudaDevice.target(destination);
        for (int start = 0; start < elements; start += PIECE) {
            int piece = Math.min(PIECE, elements - start);
            waitForLastUpload();
            floats.put(0, source, start, piece);
            send(address + (long) start * Float.BYTES, (long) piece * Float.BYTES);
        }
    }

    void upload(int[] source, Tensor destination) {
        int elements = check(destination, DType.INT32, source.length);
        long address = CudaDevice.target(destination);
        for (int start = 0; start < elements; start += PIECE) {
            int piece = Math.min(PIECE, elements - start);
            waitForLastUpload();
            ints.put(0, source, start, piece);
            send(address + (long) start * Integer.BYTES, (long) piece * Integer.BYTES);
        }
    }

    void download(Tensor source, float[] destination) {
        int elements = check(source, DType.FLOAT32, destination.length);
        long address = CudaDevice.address(source);
        for (int start = 0; start < elements; start += PIECE) {
            int piece = Math.min(PIECE, elements - start);
            fetch(address + (long) start * Float.BYTES, (long) piece * Float.BYTES);
            floats.get(0, destination, start, piece);
        }
    }

    void download(Tensor source, int[] destination) {
        int elements = check(source, DType.INT32, destination.length);
        long address = CudaDevice.address(source);
        for (int start = 0; start < elements; start += PIECE) {
            int piece = Math.min(PIECE, elements - start);
            fetch(address + (long) start * Integer.BYTES, (long) piece * Integer.BYTES);
            ints.get(0, destination, start, piece);
        }
    }

    void close() {
        JCudaDriver.cuEventDestroy(uploaded);
        memory.close();
    }

    /** How many elements are copied. */
    private static int check(Tensor tensor, DType type, int arrayLength) {
        if (tensor.dtype() != type) {
            throw new IllegalArgumentException("a Java array of " + type + " for a tensor of " + tensor.dtype());
        }
        if (arrayLength < tensor.elements()) {
            throw new IllegalArgumentException("an array of " + arrayLength + " elements for a tensor "
                + tensor.shape() + " of " + tensor.elements());
        }
        return Math.toIntExact(tensor.elements());
    }

    private void waitForLastUpload() {
        Cuda.check(JCudaDriver.cuEventSynchronize(uploaded), "waiting for the upload before this one");
    }

    private void send(long address, long bytes) {
        Cuda.check(JCudaDriver.cuMemcpyHtoDAsync(new DeviceAddress(address), memory, bytes, stream),
            "cuMemcpyHtoDAsync of " + bytes + " bytes");
        Cuda.check(JCudaDriver.cuEventRecord(uploaded, stream), "cuEventRecord");
    }

    private void fetch(long address, long bytes) {
        Cuda.check(JCudaDriver.cuMemcpyDtoHAsync(memory, new DeviceAddress(address), bytes, stream),
            "cuMemcpyDtoHAsync of " + bytes + " bytes");
        Cuda.check(JCudaDriver.cuStreamSynchronize(stream), "waiting for a download");
    }
}
