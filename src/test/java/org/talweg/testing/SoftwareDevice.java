package org.talweg.testing;

import java.util.EnumSet;
import java.util.function.Supplier;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.Devices;

/**
 * The one place that decides what a test does where the software device was not built, that switches all its checks on,
 * and that knows under which settings tests run.
 */
public final class SoftwareDevice {
    private static boolean prepared;
    private static SoftwareSettings settings = SoftwareSettings.ofProperties();

    private SoftwareDevice() {
    }

    /** All checks on again, after a test that wanted others. */
    public static void checkAll() {
        SoftwareDriver.check(EnumSet.allOf(Check.class));
    }

    /** What tests run under if they choose nothing else. */
    static SoftwareSettings settings() {
        return settings;
    }

    /** Whether tests run under no others than the plain settings, as they do first. */
    public static boolean isPlain() {
        return settings.isPlain();
    }

    /** The settings of this JVM again, after a test that chose its own. */
    public static void restoreSettings() {
        settings.apply();
    }

    /** Runs {@code body}, and the tests in it, under other settings. */
    public static void under(SoftwareSettings others, Runnable body) {
        require();
        SoftwareSettings before = settings;
        settings = others;
        settings.apply();
        try {
            body.run();
        } finally {
            settings = before;
            settings.apply();
        }
    }

    /** A device that was opened as a chip of this compute capability, and takes itself for one. */
    public static Device open(int major, int minor) {
        require();
        SoftwareDriver.capability(major, minor);
        try {
            return Devices.open("software");
        } finally {
            SoftwareDriver.anyCapability();
        }
    }

    /** Runs what one check would rightly refuse. */
    public static <T> T without(Check check, Supplier<T> body) {
        require();
        SoftwareDriver.check(EnumSet.complementOf(EnumSet.of(check)));
        try {
            return body.get();
        } finally {
            checkAll();
        }
    }

    /**
     * Loads it. Where it is missing the test fails under CI, and is skipped with the reason elsewhere. A run of the
     * tests on a GPU skips it: two drivers do not go into one JVM.
     */
    public static void require() {
        Assumptions.assumeTrue(TestDevice.accelerator().isSoftware(), "the software device is tested without"
            + " -Dtalweg.device=cuda");
        try {
            SoftwareDriver.load();
            if (!prepared) {
                prepared = true;
                checkAll();
                restoreSettings();
            }
        } catch (DeviceException e) {
            if ("true".equals(System.getenv("CI"))) {
                Assertions.fail(e.getMessage(), e);
            }
            Assumptions.abort(e.getMessage());
        }
    }
}
