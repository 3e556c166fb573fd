package org.talweg.cuda.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.talweg.cuda.CheckedDevice;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.testing.SoftwareDevice;

/** What a context still holds when it is destroyed. */
class LeakCheckTest {

    @Test
    void memoryThatWasNotFreedIsNamedOnce() {
        SoftwareDevice.require();
        SoftwareDriver.takeLeaks();
        try (CheckedDevice device = CheckedDevice.open()) {
            device.allocate(1234);
            device.free(device.allocate(777));
        }
        List<String> leaks = SoftwareDriver.takeLeaks();
        assertEquals(1, leaks.size(), leaks::toString);
        assertTrue(leaks.get(0).startsWith("cuMemAlloc #") && leaks.get(0).contains("of 1234 bytes"), leaks.get(0));
        assertEquals(List.of(), SoftwareDriver.takeLeaks());
    }

    @Test
    void whatTheHostLayerAllocatesForItselfIsFreed() {
        SoftwareDevice.require();
        SoftwareDriver.takeLeaks();
        CheckedDevice.open().close();
        assertEquals(List.of(), SoftwareDriver.takeLeaks());
    }
}
