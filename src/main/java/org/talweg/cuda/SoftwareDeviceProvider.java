package org.talweg.cuda;

import java.util.List;
import java.util.stream.IntStream;
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
        String description = "software CUDA device: runs the CUDA kernels on the CPU and checks each access";
        if (reason != null) {
            return List.of(new Candidate("software", reason, false));
        }
        return SoftwareDriver.isLoaded() && SoftwareDriver.devices() > 1
            ? IntStream.range(0, SoftwareDriver.devices())
                .mapToObj(index -> new Candidate(name(index), description, true)).toList()
            : List.of(new Candidate("software", description, true));
    }

    @Override
    public Device open(int index) {
        SoftwareDriver.load();
        if (index >= SoftwareDriver.devices()) {
            throw new DeviceException("there are " + SoftwareDriver.devices() + " software devices, numbered from 0,"
                + " and " + index + " is not one of them; TALWEG_SOFTWARE_DEVICES sets their number");
        }
        return new CudaDevice(name(index), index, CudaOps::create);
    }

    private static String name(int index) {
        return index == 0 ? "software" : "software:" + index;
    }
}
