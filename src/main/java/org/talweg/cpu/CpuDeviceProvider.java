package org.talweg.cpu;

import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.DeviceProvider;
import org.talweg.ops.HostDevice;
import org.talweg.tensor.DType;

/** Offers the CPU: always there, chosen by {@code best} when there is no GPU. */
public final class CpuDeviceProvider implements DeviceProvider {

    @Override
    public String kind() {
        return "cpu";
    }

    @Override
    public int priority() {
        return 10;
    }

    @Override
    public List<Candidate> candidates() {
        return List.of(new Candidate(kind(), description(), true));
    }

    @Override
    public List<Part> parts() {
        String missing = NativeProducts.missing();
        return List.of(new Part("oneDNN", missing == null ? "takes the large matrix products"
            : "large matrix products run in Java, at about half the speed: " + missing, missing == null));
    }

    @Override
    public Device open(int index) {
        if (index != 0) {
            throw new DeviceException("there is one cpu device, not number " + index + "; write cpu");
        }
        return new HostDevice(kind(), description(), CpuOps.create(cores()), DType.FLOAT32);
    }

    private static String description() {
        return cores() + (cores() == 1 ? " core" : " cores") + ", Java " + System.getProperty("java.version");
    }

    private static int cores() {
        return Runtime.getRuntime().availableProcessors();
    }
}
