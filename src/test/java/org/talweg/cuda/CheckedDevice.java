package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.testing.SoftwareDevice;

/** A software device under chosen checks, with raw memory that nobody clears and the kernels of {@code checks.cu} or another. */
public final class CheckedDevice implements AutoCloseable {
    private final CudaDevice device;
    private String kernels = "checks";

    private CheckedDevice(Set<Check> checks) {
        SoftwareDevice.require();
        SoftwareDriver.check(checks);
        device = new CudaDevice("software", 0, self -> null);
    }

    /** All checks on, as in every test. */
    public static CheckedDevice open() {
        return new CheckedDevice(EnumSet.allOf(Check.class));
    }

    public static CheckedDevice under(Check... checks) {
        Set<Check> set = EnumSet.noneOf(Check.class);
        set.addAll(List.of(checks));
        return new CheckedDevice(set);
    }

    /** Takes the kernels of another file from now on. */
    public CheckedDevice kernels(String file) {
        kernels = file;
        return this;
    }

    /** Device memory as cuMemAlloc gives it; whoever allocates it frees it. */
    public long allocate(long bytes) {
        DeviceAddress address = new DeviceAddress();
        Cuda.check(JCudaDriver.cuMemAlloc(address, bytes), "cuMemAlloc");
        return address.address();
    }

    public void free(long address) {
        Cuda.check(JCudaDriver.cuMemFree(new DeviceAddress(address)), "cuMemFree");
    }

    public void clear(long address, long bytes) {
        Cuda.check(JCudaDriver.cuMemsetD8(new DeviceAddress(address), (byte) 0, bytes), "cuMemsetD8");
    }

    public void upload(long address, int... words) {
        Cuda.check(JCudaDriver.cuMemcpyHtoD(new DeviceAddress(address), Pointer.to(words), 4L * words.length),
            "cuMemcpyHtoD");
    }

    public void copy(long to, long from, long bytes) {
        Cuda.check(JCudaDriver.cuMemcpyDtoD(new DeviceAddress(to), new DeviceAddress(from), bytes), "cuMemcpyDtoD");
    }

    /** Runs a kernel; arguments are {@code Long} for pointers and {@code Integer}. */
    public void run(String kernel, int grid, int block, Object... arguments) {
        LaunchArguments values = device.arguments();
        for (Object argument : arguments) {
            if (argument instanceof Long pointer) {
                values.int64(pointer);
            } else {
                values.int32((Integer) argument);
            }
        }
        device.launch(device.kernel(kernels, kernel), grid, block, values);
        device.synchronize();
    }

    /** The kernel must fail with a message that contains every part, and the name of the kernel. */
    public void expectReport(List<String> parts, String kernel, int grid, int block, Object... arguments) {
        CudaException failure = assertThrows(CudaException.class, () -> run(kernel, grid, block, arguments));
        for (String part : parts) {
            assertTrue(failure.getMessage().contains(part), part + " is missing in: " + failure.getMessage());
        }
        assertTrue(failure.getMessage().contains("kernel '" + kernel + "' at "), failure.getMessage());
    }

    /** Destroys the context; all checks are on again, and the schedule and its threads are as they were. */
    @Override
    public void close() {
        device.close();
        SoftwareDevice.checkAll();
        SoftwareDevice.restoreSettings();
        SoftwareDriver.threads(0);
    }
}
