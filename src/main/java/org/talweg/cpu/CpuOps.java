package org.talweg.cpu;

import org.talweg.ops.FusedMlpOps;
import org.talweg.ops.Ops;

/**
 * The backend for machines without a GPU: loops that HotSpot vectorises, large work split over the cores. Results do
 * not depend on the number of threads, and a call allocates no arrays once the scratch memory has its size.
 */
public final class CpuOps {
    private CpuOps() {
    }

    /**
     * @param threads parts that large work is split into, at least 1
     */
    public static Ops create(int threads) {
        Parallel parallel = new Parallel(threads);
        return new Ops(new CpuDense(parallel), new CpuActivation(parallel), new CpuNormalisation(parallel),
            new CpuLoss(), new CpuUpdate(parallel), new CpuData(), new CpuRandom(parallel), FusedMlpOps.NONE);
    }
}
