package org.talweg.cuda;

import java.util.EnumMap;
import java.util.Map;
import org.talweg.ops.DenseOps;
import org.talweg.ops.Precision;

/** The products of dense layers of one device, by precision and by whose they are. */
final class CudaProducts {
    /** The first compute capability whose tensor cores take tf32 and bfloat16. */
    private static final int TENSOR_CORES = 80;

    private final CudaDevice device;
    private final Map<Precision, CudaDense> own = new EnumMap<>(Precision.class);
    private final Map<Precision, CublasDense> library = new EnumMap<>(Precision.class);
    private final Map<Precision, AutoDense> auto = new EnumMap<>(Precision.class);

    CudaProducts(CudaDevice device) {
        this.device = device;
    }

    /** As {@link CudaDevice#products} says now. */
    DenseOps at(Precision precision) {
        return switch (device.products()) {
            case TALWEG -> own(precision);
            case CUBLAS -> library(precision);
            case AUTO -> auto.computeIfAbsent(precision, other ->
                new AutoDense(device, this, own(other), library(other)));
        };
    }

    ProductTuner tuner() {
        return device.tuner();
    }

    /** In float32 where there are no tensor cores for anything else. */
    CudaDense own(Precision precision) {
        Precision possible = device.chip().computeCapability() < TENSOR_CORES ? Precision.FLOAT32 : precision;
        return own.computeIfAbsent(possible, other -> new CudaDense(device, other, this));
    }

    private CublasDense library(Precision precision) {
        return library.computeIfAbsent(precision, other -> new CublasDense(device, other, this));
    }
}
