package org.talweg.ops;

import java.util.List;

/** A backend, found through {@link java.util.ServiceLoader}: a new one is a class and a line in META-INF/services. */
public interface DeviceProvider {

    /** A device that could be named on the command line. */
    record Candidate(String name, String description, boolean available) {
    }

    /**
     * What a backend stands on: a driver, a library.
     *
     * @param description which one it is, or why it is missing and what to do
     */
    record Part(String name, String description, boolean available) {
    }

    /** The names before any colon that this provider opens: {@code cuda}. */
    String kind();

    /** Higher is tried first by {@code best}; below zero is never chosen by it. */
    int priority();

    /** What is here, and what is not and why. Never throws, never loads a driver that is missing. */
    List<Candidate> candidates();

    /** What this backend uses besides a device. Never throws. */
    default List<Part> parts() {
        return List.of();
    }

    /**
     * @param index the number after the colon, or 0
     * @throws DeviceException if the device cannot be had; one line with reason and remedy
     */
    Device open(int index);
}
