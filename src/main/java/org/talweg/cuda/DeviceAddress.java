package org.talweg.cuda;

import jcuda.driver.CUdeviceptr;

/** A device pointer whose value can be read and set, which JCuda keeps to itself. */
final class DeviceAddress extends CUdeviceptr {
    /** Filled in by the driver call that it is passed to. */
    DeviceAddress() {
    }

    DeviceAddress(long address) {
        super(new CUdeviceptr(), address);
    }

    long address() {
        return getNativePointer() + getByteOffset();
    }
}
