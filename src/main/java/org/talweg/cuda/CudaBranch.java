package org.talweg.cuda;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * A second stream beside the device's: events order it behind what came before the fork, and what comes after the join
 * behind it. Captured, it is a parallel branch of the graph.
 */
final class CudaBranch {
    private final CUstream trunk;
    private final CUstream stream = new CUstream();
    private final CUevent forked = new CUevent();
    private final CUevent done = new CUevent();

    CudaBranch(CUstream trunk) {
        this.trunk = trunk;
        Cuda.check(JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
        Cuda.check(JCudaDriver.cuEventCreate(forked, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
        Cuda.check(JCudaDriver.cuEventCreate(done, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
    }

    CUstream stream() {
        return stream;
    }

    /** Where launches of the branch go. */
    CUstream fork() {
        Cuda.check(JCudaDriver.cuEventRecord(forked, trunk), "cuEventRecord");
        Cuda.check(JCudaDriver.cuStreamWaitEvent(stream, forked, 0), "cuStreamWaitEvent");
        return stream;
    }

    /** A capture must not end before its branch has joined, so this is owed even after an error. */
    void join() {
        Cuda.check(JCudaDriver.cuEventRecord(done, stream), "cuEventRecord");
        Cuda.check(JCudaDriver.cuStreamWaitEvent(trunk, done, 0), "cuStreamWaitEvent");
    }

    void close() {
        JCudaDriver.cuEventDestroy(forked);
        JCudaDriver.cuEventDestroy(done);
        JCudaDriver.cuStreamDestroy(stream);
    }
}
