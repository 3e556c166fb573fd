package org.talweg.cuda;

import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.DeviceProvider;

/** The software CUDA device: {@code software}. Only ever opened by name, for it is a checker and not fast. */
public final class SoftwareDeviceProvider implements DeviceProvider {

    @Override
    public String kind() {
        return "software";
    }

    @Override
    public int priority() {
        return -1;
    }

    @Override
    public List<Candidate> candidates() {
        String reason = SoftwareDriver.unavailable();
        return List.of(new Candidate("software", reason != null ? reason
            : "software CUDA device: runs the CUDA kernels on the CPU and checks each access", reason == null));
    }

    @Override
    public Device open(int index) {
        if (index != 0) {
            throw new DeviceException("there is one software device, not software:" + index);
        }
        SoftwareDriver.load();
        return new CudaDevice("software", 0, CudaOps::create);
    }
}
