package org.talweg.cuda;

import org.talweg.ops.Ops;
import org.talweg.ops.Precision;

/** The operations of one CUDA device, family by family; each call is one launch, or two, into the device's stream. */
final class CudaOps {
    private CudaOps() {
    }

    static Ops create(CudaDevice device) {
        return new Ops(new CudaProducts(device).own(Precision.FLOAT32), new CudaActivation(device), new CudaNormalisation(device),
            new CudaLoss(device), new CudaUpdate(device), new CudaData(device), new CudaRandom(device),
            new CudaFusedMlp(device));
    }
}
