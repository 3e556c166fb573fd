package org.talweg.cuda;

import java.nio.ByteBuffer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.talweg.ops.Feed;
import org.talweg.tensor.Tensor;

/** Pinned memory with a stream of its own for its copies; events order them among the operations of the device's stream. */
final class CudaFeed implements Feed {
    private final CudaDevice device;
    private final CUstream compute;
    private final CUstream copies = new CUstream();
    private final CUevent begin = new CUevent();
    private final CUevent done = new CUevent();
    private final PinnedMemory memory;
    /** Where the last copy goes. */
    private Tensor destination;
    private boolean closed;

    /** @param compute the device's own stream */
    CudaFeed(CudaDevice device, CUstream compute, int bytes) {
        this.device = device;
        this.compute = compute;
        memory = new PinnedMemory(bytes);
        Cuda.check(JCudaDriver.cuStreamCreate(copies, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
        Cuda.check(JCudaDriver.cuEventCreate(begin, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
        Cuda.check(JCudaDriver.cuEventCreate(done, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
    }

    @Override
    public ByteBuffer memory() {
        device.checkFeed();
        Cuda.check(JCudaDriver.cuEventSynchronize(done), "waiting for a copy out of a feed");
        return memory.bytes().clear();
    }

    @Override
    public void send(Tensor to) {
        device.checkFeed();
        destination = to;
        long bytes = destination.elements() * destination.dtype().bytes();
        Cuda.check(JCudaDriver.cuEventRecord(begin, compute), "cuEventRecord");
        Cuda.check(JCudaDriver.cuStreamWaitEvent(copies, begin, 0), "cuStreamWaitEvent");
        Cuda.check(JCudaDriver.cuMemcpyHtoDAsync(new DeviceAddress(CudaDevice.target(destination)), memory, bytes, copies),
            "cuMemcpyHtoDAsync of " + bytes + " bytes");
        Cuda.check(JCudaDriver.cuEventRecord(done, copies), "cuEventRecord");
    }

    @Override
    public void join() {
        device.checkFeed();
        Cuda.check(JCudaDriver.cuStreamWaitEvent(compute, done, 0), "cuStreamWaitEvent");
        if (destination != null) {
            // Only now has it changed for those that follow.
            CudaDevice.buffer(destination).written();
        }
    }

    /** Without a check: after a fatal error the driver refuses, and closing must still go through. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            JCudaDriver.cuStreamSynchronize(copies);
            JCudaDriver.cuEventDestroy(begin);
            JCudaDriver.cuEventDestroy(done);
            JCudaDriver.cuStreamDestroy(copies);
            memory.close();
            device.forget(this);
        }
    }
}
