package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.testing.SoftwareDevice;

/** {@code talweg doctor} says what works, and what a broken thing needs. */
class DoctorCliTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int doctor(String... args) {
        String[] command = new String[args.length + 1];
        command[0] = "doctor";
        System.arraycopy(args, 0, command, 1, args.length);
        return Main.run(new PrintWriter(out, true), new PrintWriter(err, true), command);
    }

    private String line(String subject) {
        return out.toString().lines().filter(line -> line.startsWith(subject + " ")).findFirst()
            .orElseThrow(() -> new AssertionError("no line of " + subject + " in\n" + out));
    }

    @Test
    void trainsOnEveryDeviceThatIsHere() {
        assertEquals(0, doctor(), out.toString() + err);
        for (String subject : new String[] {"java", "disk", "temporary", "cpu", "reference"}) {
            assertTrue(line(subject).contains(" ok "), line(subject));
        }
        assertTrue(line("cpu").contains("trains as the reference"), line("cpu"));
        for (String subject : new String[] {"driver", "cuBLAS", "oneDNN"}) {
            line(subject);
        }
    }

    @Test
    void aDeviceThatFailsIsBrokenAndSaysWhy() {
        SoftwareDevice.require();
        SoftwareDriver.fail(SoftwareDriver.Fault.LAUNCH, 1);
        try {
            assertEquals(1, doctor("--device", "software"), out.toString());
        } finally {
            SoftwareDriver.fail(SoftwareDriver.Fault.LAUNCH, 0);
        }
        assertTrue(line("software").contains(" broken "), line("software"));
    }

    @Test
    @ResourceLock(Resources.SYSTEM_PROPERTIES)
    void aFolderThatCannotBeWrittenIsNamedWithTheRemedy(@TempDir Path folder) {
        String before = System.setProperty("java.io.tmpdir", folder.resolve("absent").toString());
        try {
            assertEquals(1, doctor("--device", "reference"), out.toString());
        } finally {
            System.setProperty("java.io.tmpdir", before);
        }
        assertTrue(line("temporary").contains("absent cannot be written"), line("temporary"));
        assertTrue(line("temporary").contains("-Djava.io.tmpdir"), line("temporary"));
    }

    @Test
    void anUnknownDeviceListsThoseThatThereAre() {
        assertEquals(2, doctor("--device", "tpu"));
        assertTrue(err.toString().contains("--device tpu: there are"), err.toString());
        assertTrue(err.toString().contains("reference"), err.toString());
    }
}
