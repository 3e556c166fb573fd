package org.talweg.cuda;

import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.JCudaDriver;
import org.talweg.ops.Recording;

/** A captured and instantiated CUDA graph: the whole sequence is one launch. */
final class CudaRecording implements Recording {
    private final CudaDevice device;
    private final CUgraph graph;
    private final CUgraphExec executable = new CUgraphExec();
    private boolean closed;

    CudaRecording(CudaDevice device, CUgraph graph) {
        this.device = device;
        this.graph = graph;
        int result = JCudaDriver.cuGraphInstantiate(executable, graph, 0);
        if (result != 0) {
            CudaException failure = Cuda.failure(result, "cuGraphInstantiate");
            JCudaDriver.cuGraphDestroy(graph);
            throw failure;
        }
    }

    @Override
    public void replay() {
        if (closed) {
            throw new IllegalStateException("this recording of device " + device.name() + " is closed");
        }
        device.replay(executable);
    }

    CUgraph graph() {
        return graph;
    }

    /** Number of kernels, copies and fills in the graph. */
    long nodes() {
        long[] count = new long[1];
        Cuda.check(JCudaDriver.cuGraphGetNodes(graph, null, count), "cuGraphGetNodes");
        return count[0];
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            device.forget(this);
            JCudaDriver.cuGraphExecDestroy(executable);
            JCudaDriver.cuGraphDestroy(graph);
        }
    }
}
