package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.ops.DeviceException;
import org.talweg.ops.DeviceProvider.Candidate;
import org.talweg.testing.SoftwareDevice;

/** Looking for GPUs, each time in a JVM of its own, for what a JVM has loaded it keeps. */
class GpuProbeTest {

    /** Prints one line a candidate. */
    static final class Probe {
        public static void main(String[] args) {
            for (Candidate candidate : GpuProbe.candidates()) {
                System.out.println("candidate " + candidate.name() + " " + candidate.available() + " "
                    + candidate.description());
            }
        }
    }

    /** Loads a library that looks like a driver, then asks for the software device. */
    static final class LoadAfterDriver {
        public static void main(String[] args) {
            System.load(args[0]);
            try {
                SoftwareDriver.load();
                System.out.println("loaded");
            } catch (DeviceException e) {
                System.out.println("refused " + e.getMessage());
            }
        }
    }

    private static List<String> run(Class<?> main, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java", "-cp",
            System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), "exit status; output: " + output);
        return output.lines().toList();
    }

    @Test
    void aMachineWithoutAGpuGivesOneLineAndNoCrash() throws IOException, InterruptedException {
        List<String> lines = run(Probe.class);
        assertFalse(lines.isEmpty());
        for (String line : lines) {
            assertTrue(line.startsWith("candidate cuda"), line);
        }
        if (lines.get(0).startsWith("candidate cuda false")) {
            assertEquals(1, lines.size());
            assertTrue(lines.get(0).contains("no CUDA GPU: ") && lines.get(0).contains(";"), lines.get(0));
        }
    }

    @Test
    void aJvmWithTheSoftwareDeviceDoesNotLookForGpus() {
        SoftwareDevice.require();
        List<Candidate> candidates = GpuProbe.candidates();
        assertEquals(1, candidates.size());
        assertFalse(candidates.get(0).available());
        assertTrue(candidates.get(0).description().contains("software device"), candidates.get(0).description());
    }

    @Test
    void aJvmWithADriverRefusesTheSoftwareDevice(@TempDir Path directory) throws IOException, InterruptedException {
        SoftwareDevice.require();
        Path driver = directory.resolve("libcuda.so.1");
        try (InputStream in = SoftwareDriver.class.getResourceAsStream(
            "native/linux-x86_64/libtalweg-software-cuda.so")) {
            Files.copy(in, driver);
        }
        List<String> lines = run(LoadAfterDriver.class, driver.toString());
        assertEquals(1, lines.size());
        assertTrue(lines.get(0).startsWith("refused this JVM already uses the CUDA driver"), lines.get(0));
    }
}
