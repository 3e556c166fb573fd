package org.talweg.testing;

import java.util.EnumSet;
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
    private SoftwareDevice() {
    }

    /** Loads it. Where it is missing the test fails under CI, and is skipped with the reason elsewhere. */
    public static void require() {
        try {
            SoftwareDriver.check(EnumSet.allOf(Check.class));
        } catch (DeviceException e) {
            if ("true".equals(System.getenv("CI"))) {
                Assertions.fail(e.getMessage(), e);
            }
            Assumptions.abort(e.getMessage());
        }
    }
}
