package org.talweg.reference;

import java.util.List;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.DeviceProvider;

/** Offers the oracle as a device; {@code best} never takes it. */
public final class ReferenceDeviceProvider implements DeviceProvider {

    @Override
    public String kind() {
        return "reference";
    }

    @Override
    public int priority() {
        return -1;
    }

    @Override
    public List<Candidate> candidates() {
        return List.of(new Candidate(kind(), "plain loops in Java, sums in double: exact and slow", true));
    }

    @Override
    public Device open(int index) {
        if (index != 0) {
            throw new DeviceException("there is one reference device, not number " + index + "; write reference");
        }
        return ReferenceDevices.float32();
    }
}
