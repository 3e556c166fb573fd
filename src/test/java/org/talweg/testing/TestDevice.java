package org.talweg.testing;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.reference.ReferenceDevices;

/**
 * A backend under test, opened at first use and kept for the life of the JVM: the reference itself (which checks the
 * tests), the CPU, and a GPU or the software device that stands in for one, as {@code -Dtalweg.device} says.
 *
 * <p>A software device that was not built skips its tests with the reason; under CI=true it fails them. A GPU that was
 * asked for and is missing always fails.
 */
public final class TestDevice {
    private static final String OLDER_CHIP = "software 7.5";
    private static final Map<String, TestDevice> KNOWN = new LinkedHashMap<>();
    private static final Device REFERENCE = ReferenceDevices.float32();

    private final String name;
    private Device device;

    private TestDevice(String name) {
        this.name = name;
    }

    /** Every backend under test; the software device alone where its settings are others than the plain ones. */
    public static List<TestDevice> all() {
        return SoftwareDevice.settings().isPlain() ? List.of(named("reference"), named("cpu"), accelerator())
            : List.of(accelerator());
    }

    /** The device that runs the kernels: {@code software}, or {@code cuda}. */
    public static TestDevice accelerator() {
        String asked = System.getProperty("talweg.device", "software");
        if (asked.equals("auto")) {
            boolean gpu = Devices.list().stream().anyMatch(c -> c.available() && c.name().startsWith("cuda"));
            asked = gpu ? "cuda" : "software";
        }
        return named(asked);
    }

    /** {@link #all}, and the software device as a chip of compute capability 7.5, for which some kernels are others. */
    public static List<TestDevice> allChips() {
        return accelerator().isSoftware()
            ? Stream.concat(all().stream(), Stream.of(olderChip())).toList() : all();
    }

    /** The software device as a chip of compute capability 7.5. */
    public static TestDevice olderChip() {
        return named(OLDER_CHIP);
    }

    public static TestDevice named(String name) {
        return KNOWN.computeIfAbsent(name, TestDevice::new);
    }

    /** The oracle that every backend is compared with. */
    public static Device oracle() {
        REFERENCE.adopt();
        return REFERENCE;
    }

    /** Whether this is the software device, whose schedule can be shuffled. */
    public boolean isSoftware() {
        return name.startsWith("software");
    }

    /** Opens the device, or skips or fails the calling test. */
    public Device device() {
        if (device == null) {
            if (isSoftware()) {
                SoftwareDevice.require();
            }
            device = name.equals(OLDER_CHIP) ? SoftwareDevice.open(7, 5) : Devices.open(name);
        }
        device.adopt();
        return device;
    }

    @Override
    public String toString() {
        return name;
    }
}
