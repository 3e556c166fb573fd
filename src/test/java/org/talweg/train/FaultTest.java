package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.ops.Activation.RELU;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.cuda.SoftwareDriver.Fault;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;
import org.talweg.testing.SoftwareDevice;

/**
 * Whatever call fails during a training run, the run ends with an exception that says which call, why and what to do,
 * and closing leaves nothing behind.
 */
class FaultTest {
    private final Dataset data = Datasets.builtIn("iris").split(0.4).train();

    /** A device of its own: one that is lost stays so while other tests of this JVM hold it. */
    @BeforeEach
    void addADevice() {
        SoftwareDevice.require();
        SoftwareDriver.devices(2);
    }

    @AfterEach
    void noMoreFaults() {
        if (SoftwareDriver.isLoaded()) {
            SoftwareDriver.devices(1);
            for (Fault fault : Fault.values()) {
                SoftwareDriver.fail(fault, 0);
            }
        }
    }

    /** Two steps and what belongs to them; null, or what went wrong. */
    private String run(String what) {
        int contexts = SoftwareDriver.contexts();
        long bytes = SoftwareDriver.memoryInUse();
        Device opened = null;
        String failure = null;
        try (Device device = Devices.open("software:1")) {
            opened = device;
            try (Model model = Sequential.builder(data.inputShape()).dense(4, RELU).dense(3).build(device)) {
                TrainingResult result = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                    .optimizer(Optimizers.adam().learningRate(0.01f)).build()
                    .fit(DataLoader.of(data, 32).shuffled(1), 1);
                assertEquals(1, result.history().size());
            }
        } catch (DeviceException e) {
            failure = e.getMessage();
            for (Throwable suppressed : e.getSuppressed()) {
                assertTrue(suppressed instanceof DeviceException, what + ": on closing, " + suppressed);
            }
        }
        assertEquals(contexts, SoftwareDriver.contexts(), what + " left a context; " + failure);
        assertEquals(bytes, SoftwareDriver.memoryInUse(), what + " left memory; " + failure);
        if (opened != null) {
            assertEquals(0, opened.bytesAllocated(), what + ": the device's books; " + failure);
        }
        return failure;
    }

    /** Fails the first call, the second, and so on, until a run does not reach the call that would fail. */
    private void failEach(Fault fault, String... says) {
        int failures = 0;
        for (int nth = 1; ; nth += 1 + nth / 25) {
            SoftwareDriver.fail(fault, nth);
            String failure = run(fault + " " + nth);
            if (failure == null) {
                assertTrue(failures > 3, "a run makes more than " + failures + " such calls");
                return;
            }
            failures++;
            for (String part : says) {
                assertTrue(failure.contains(part), fault + " " + nth + " does not say '" + part + "': " + failure);
            }
        }
    }

    @Test
    void everyAllocationMayFail() {
        failEach(Fault.ALLOCATION, "close what is no longer used");
    }

    @Test
    void everyLaunchMayFail() {
        failEach(Fault.LAUNCH, "failed with CUDA_ERROR_LAUNCH_FAILED (719)", "open it again", "as ordered");
    }

    @Test
    void everyCopyMayFail() {
        failEach(Fault.COPY, "failed with CUDA_ERROR_ECC_UNCORRECTABLE (214)", "open it again", "as ordered");
    }

    @Test
    void theDeviceMayVanishAtEveryCall() {
        failEach(Fault.DEVICE, "failed with CUDA_ERROR_UNKNOWN (999)", "close what is open on it");
    }

    @Test
    void theDeviceMayBeTooSmall() {
        long before = SoftwareDriver.memory();
        try {
            for (long bytes = 64; ; bytes *= 2) {
                SoftwareDriver.memory(bytes);
                String failure = run(bytes + " bytes of memory");
                if (failure == null) {
                    assertTrue(bytes > 1024, "a run needs more than " + bytes + " bytes");
                    return;
                }
                assertTrue(failure.contains("close what is no longer used"), failure);
            }
        } finally {
            SoftwareDriver.memory(before);
        }
    }
}
