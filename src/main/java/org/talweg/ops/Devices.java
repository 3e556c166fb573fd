package org.talweg.ops;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.ops.DeviceProvider.Candidate;
import org.talweg.ops.DeviceProvider.Part;

/** Finds and opens devices by name. */
public final class Devices {
    private static final Logger LOG = LoggerFactory.getLogger(Devices.class);

    private Devices() {
    }

    /** A device with the reason for choosing it, in one line. */
    public record Choice(Device device, String reason) {
    }

    /** Every device of every backend, available or not, fastest first. */
    public static List<Candidate> list() {
        return providers().stream().flatMap(provider -> provider.candidates().stream()).toList();
    }

    /** What the backends stand on, here or missing. */
    public static List<Part> parts() {
        return providers().stream().flatMap(provider -> provider.parts().stream()).toList();
    }

    /**
     * Opens {@code best}, {@code cuda}, {@code cuda:N}, {@code cpu}, {@code reference} or {@code software}. Only
     * {@code best} falls back to another device.
     *
     * @throws DeviceException if it cannot be had
     */
    public static Device open(String name) {
        Choice choice = choose(name);
        if (name.equals("best")) {
            LOG.info("{}: {}", choice.device().name(), choice.reason());
        }
        return choice.device();
    }

    /** As {@link #open}, with the reason. */
    public static Choice choose(String name) {
        if (name.equals("best")) {
            return best();
        }
        int colon = name.indexOf(':');
        String kind = colon < 0 ? name : name.substring(0, colon);
        int index = colon < 0 ? 0 : index(name, name.substring(colon + 1));
        for (DeviceProvider provider : providers()) {
            if (provider.kind().equals(kind)) {
                return new Choice(provider.open(index), "asked for by name");
            }
        }
        throw new DeviceException("unknown device '" + name + "'; there are best, " + providers().stream()
            .map(DeviceProvider::kind).collect(Collectors.joining(", ")) + " (cuda:N for the N-th GPU)");
    }

    private static Choice best() {
        List<String> reasons = new ArrayList<>();
        for (DeviceProvider provider : providers()) {
            if (provider.priority() < 0) {
                continue;
            }
            for (Candidate candidate : provider.candidates()) {
                if (!candidate.available()) {
                    reasons.add(candidate.description());
                    continue;
                }
                try {
                    Device device = provider.open(index(candidate.name(), candidate.name().contains(":")
                        ? candidate.name().substring(candidate.name().indexOf(':') + 1) : "0"));
                    return new Choice(device, reasons.isEmpty() ? "the fastest here" : String.join("; ", reasons));
                } catch (DeviceException e) {
                    reasons.add(candidate.name() + " failed: " + e.getMessage());
                }
            }
        }
        throw new DeviceException("no device at all: " + String.join("; ", reasons));
    }

    private static int index(String name, String digits) {
        try {
            int index = Integer.parseInt(digits);
            if (index >= 0) {
                return index;
            }
        } catch (NumberFormatException e) {
            // Falls through to the one message below.
        }
        throw new DeviceException("device '" + name + "': '" + digits + "' is not a device number; write cuda:0");
    }

    private static List<DeviceProvider> providers() {
        List<DeviceProvider> providers = new ArrayList<>();
        ServiceLoader.load(DeviceProvider.class, Devices.class.getClassLoader()).forEach(providers::add);
        providers.sort(Comparator.comparingInt(DeviceProvider::priority).reversed());
        return providers;
    }
}
