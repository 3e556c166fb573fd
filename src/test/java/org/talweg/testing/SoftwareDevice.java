package org.talweg.testing;

import java.util.EnumSet;
import java.util.function.Supplier;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.SoftwareDriver.Check;
import org.talweg.ops.DeviceException;

/**
 * The one place that decides what a test does where the software device was not built, and that switches all its
 * checks on.
 */
public final class SoftwareDevice {
    private static boolean checked;

    private SoftwareDevice() {
    }

    /** All checks on again, after a test that wanted others. */
    public static void checkAll() {
        checked = true;
        SoftwareDriver.check(EnumSet.allOf(Check.class));
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
            if (!checked) {
                checkAll();
            }
        } catch (DeviceException e) {
            if ("true".equals(System.getenv("CI"))) {
                Assertions.fail(e.getMessage(), e);
            }
            Assumptions.abort(e.getMessage());
        }
    }
}
