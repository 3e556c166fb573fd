package org.talweg.reference;

import org.talweg.ops.Device;
import org.talweg.ops.HostDevice;
import org.talweg.tensor.DType;

/** Devices that run {@link ReferenceOps}. */
public final class ReferenceDevices {
    private ReferenceDevices() {
    }

    /** Stores float32 and sums in double: what every other backend is compared with. */
    public static Device float32() {
        return new HostDevice("reference", "plain loops in Java, sums in double: exact and slow", ReferenceOps.create(),
            DType.FLOAT32);
    }

    /**
     * Stores double too, so that finite differences mean something. Its optimizer updates still round to float32:
     * their arithmetic is part of the contract.
     */
    public static Device float64() {
        return new HostDevice("reference64", "plain loops in Java, everything in double", ReferenceOps.create(),
            DType.FLOAT64);
    }
}
