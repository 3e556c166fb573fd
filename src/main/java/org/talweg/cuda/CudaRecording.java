package org.talweg.cuda;

import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.JCudaDriver;
import org.talweg.ops.Recording;

/** A captured and instantiated CUDA graph: the whole sequence is one launch, unless a copy that it reads is stale. */
final class CudaRecording implements Recording {
    private final CudaDevice device;
    private final CUgraph graph;
    private final CUgraphExec executable = new CUgraphExec();
    /** What is read here as it is when the sequence begins. */
    private final Bfloat16Copy[] reads;
    /** What is stale when it ends. */
    private final List<Bfloat16Copy> spoils;
    private boolean closed;

    CudaRecording(CudaDevice device, CUgraph graph, List<Bfloat16Copy> reads, List<Bfloat16Copy> spoils) {
        this.device = device;
        this.graph = graph;
        this.reads = reads.toArray(Bfloat16Copy[]::new);
        this.spoils = new ArrayList<>(spoils);
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
        for (Bfloat16Copy copy : reads) {
            copy.refresh();
        }
        device.replay(executable);
        for (int i = 0; i < spoils.size(); i++) {
            spoils.get(i).makeStale();
        }
    }

    /** For a copy that is younger: what is recorded here may write to its buffer and knows nothing of it. */
    void spoils(Bfloat16Copy copy) {
        spoils.add(copy);
    }

    void forget(Bfloat16Copy copy) {
        spoils.remove(copy);
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
