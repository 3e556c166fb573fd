package org.talweg.cuda;

import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.DeviceProvider;

/** NVIDIA GPUs: {@code cuda:N}. */
public final class CudaDeviceProvider implements DeviceProvider {

    @Override
    public String kind() {
        return "cuda";
    }

    @Override
    public int priority() {
        return 100;
    }

    @Override
    public List<Candidate> candidates() {
        return GpuProbe.candidates();
    }

    @Override
    public List<Part> parts() {
        return List.of(GpuProbe.driver(), GpuProbe.cublas());
    }

    @Override
    public Device open(int index) {
        List<Candidate> candidates = candidates();
        if (index >= candidates.size()) {
            throw new DeviceException("there is no cuda:" + index + "; the last one is "
                + candidates.get(candidates.size() - 1).name());
        }
        Candidate candidate = candidates.get(index);
        if (!candidate.available()) {
            throw new DeviceException(candidate.description());
        }
        return new CudaDevice("cuda:" + index, index, CudaOps::create);
    }
}
