package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.train.Checkpoint;

/** Ctrl-C, sent to a process that would train for days. */
class InterruptionTest {
    @TempDir
    private Path folder;

    @Test
    void controlCSavesTheBestModelAndSaysSo() throws IOException, InterruptedException {
        Assumptions.assumeTrue(Files.exists(Path.of("/bin/kill")), "there are no signals to send here");
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
            System.getProperty("java.class.path"), "org.talweg.cli.Main", "train", "digits", "--device", "cpu", "--epochs",
            "1000000", "--out", folder.toString()).redirectErrorStream(true).start();
        List<String> lines = new ArrayList<>();
        try (BufferedReader out = process.inputReader()) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                lines.add(line);
                if (line.startsWith("epoch       3/")) {
                    new ProcessBuilder("/bin/kill", signal(process), String.valueOf(process.pid())).start().waitFor();
                }
            }
            assertTrue(process.waitFor(60, TimeUnit.SECONDS), "the process goes on");
        } finally {
            process.destroyForcibly();
        }
        String text = String.join("\n", lines);
        assertTrue(process.exitValue() > 128, "a signal's exit code, not " + process.exitValue() + "\n" + text);
        assertTrue(lines.stream().anyMatch(line -> line.matches("ended   interrupted (in|after) epoch \\d+.*")), text);
        assertTrue(lines.stream().anyMatch(line -> line.matches("kept    the parameters of epoch \\d+, the best")), text);
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("test    loss")), text);
        String after = text.replaceAll("(?s).*\\nended   interrupted in epoch \\d+, after step (\\d+).*", "$1");
        Checkpoint checkpoint = Checkpoint.latest(folder.resolve("checkpoints")).orElseThrow();
        assertTrue(after.equals(text) || checkpoint.steps() == Long.parseLong(after), checkpoint.steps() + "\n" + text);
        assertTrue(lines.contains("go on   ./talweg resume " + folder), text);
        assertTrue(Files.readString(folder.resolve("log.txt")).contains("ended   interrupted "), "the log ends too early");
        try (Device device = Devices.open("cpu");
            Model model = Model.load(folder.resolve("model.safetensors"), device)) {
            assertEquals(17_226, model.parameterCount());
        }
    }

    /** A process started in the background of a shell ignores SIGINT; SIGTERM goes the same way. */
    private static String signal(Process process) throws IOException {
        Path status = Path.of("/proc", String.valueOf(process.pid()), "status");
        if (Files.exists(status)) {
            for (String line : Files.readAllLines(status)) {
                if (line.startsWith("SigIgn:") && (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 2) != 0) {
                    return "-TERM";
                }
            }
        }
        return "-INT";
    }
}
