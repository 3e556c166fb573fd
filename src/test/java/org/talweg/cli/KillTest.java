package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code kill -9} at random moments of a run: what a person does next is resume, or train where there is no run yet. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class KillTest {
    private static final int KILLS = 20;
    private static final int EPOCHS = 150;
    /** {@code -Dtalweg.kill.seed=2} for other moments. */
    private static final long SEED = Long.getLong("talweg.kill.seed", 11);

    @TempDir
    private Path folder;

    /** Of a process: before its first step, while it trains, while it writes a checkpoint, after its last epoch. */
    private enum Phase { STARTING, TRAINING, WRITING, ENDING }

    private Path run(String name) {
        return folder.resolve(name);
    }

    private static Process start(String command) throws IOException {
        List<String> line = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx256m", "-cp",
            System.getProperty("java.class.path"), "org.talweg.cli.Main"));
        line.addAll(Arrays.asList(command.split(" ")));
        return new ProcessBuilder(line).redirectErrorStream(true).start();
    }

    @Test
    void aRunThatIsKilledTwentyTimesEndsLikeOneThatRanThrough() throws IOException, InterruptedException {
        String train = "train iris --device cpu --hidden 8 --norm batch --dropout 0.1 --checkpoint 1step --epochs " + EPOCHS
            + " --schedule plateau:patience=20,metric=loss --out ";
        long began = System.nanoTime();
        long startup = 0;
        Process through = start(train + run("through"));
        try (BufferedReader out = through.inputReader()) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                startup = startup == 0 && line.startsWith("epoch ") ? System.nanoTime() - began : startup;
            }
        }
        assertEquals(0, through.waitFor());

        Random random = new Random(SEED);
        List<Phase> phases = new ArrayList<>(Collections.nCopies(4, Phase.STARTING));
        phases.addAll(Collections.nCopies(7, Phase.TRAINING));
        phases.addAll(Collections.nCopies(6, Phase.WRITING));
        Collections.shuffle(phases, random);
        phases.addAll(Collections.nCopies(KILLS - phases.size(), Phase.ENDING));
        List<String> moments = new ArrayList<>(List.of("-Dtalweg.kill.seed=" + SEED));
        int kills = 0;
        int halfWritten = 0;
        for (int life = 0; kills < KILLS; life++) {
            assertTrue(life < 3 * KILLS, "hard to kill: " + moments);
            Phase phase = phases.get(kills);
            boolean isRun = Files.exists(run("killed").resolve(RunFolder.CONFIG));
            Process process = start(isRun ? "resume " + run("killed") : train + run("killed"));
            int epochs = random.nextInt(4);
            int milliseconds = random.nextInt(switch (phase) {
                case STARTING -> (int) (startup / 1_000_000);
                case TRAINING -> 30;
                case WRITING -> 1;
                case ENDING -> 300;
            });
            String said = await(process, phase, epochs);
            process.waitFor(milliseconds, TimeUnit.MILLISECONDS);
            process.destroyForcibly();
            assertTrue(process.waitFor(60, TimeUnit.SECONDS), "the process goes on");
            boolean killed = process.exitValue() == 137;
            assertTrue(killed || process.exitValue() == 0, process.exitValue() + " " + moments + "\n" + said);
            kills += killed ? 1 : 0;
            int left = killed ? temporaryFiles() : 0;
            halfWritten += left > 0 ? 1 : 0;
            moments.add(phase.name().toLowerCase() + " " + epochs + "+" + milliseconds + "ms" + (killed ? "" : " too late")
                + (left > 0 ? " half written" : ""));
        }
        System.out.println(String.join(", ", moments));
        assertTrue(halfWritten > 0, "no kill met a file being written: " + moments);
        Run last = Run.of("resume", run("killed").toString());
        assertEquals(0, last.exitCode(), last.err());
        assertSame(moments);
        try (Stream<Path> files = Files.walk(run("killed"))) {
            assertFalse(files.anyMatch(file -> file.toString().endsWith(".tmp")), "temporary files stay");
        }
    }

    /** In this process, where a second lock must not give the first one back, and from others. */
    @Test
    void aFolderBelongsToOneProcessAtATime() throws IOException, InterruptedException {
        Files.createDirectory(run("killed"));
        String options = " --device cpu --hidden 8 --checkpoint 1step --epochs 1000000";
        String here = String.valueOf(ProcessHandle.current().pid());
        try (RunLock lock = new RunFolder(run("killed")).lock()) {
            assertRefused(Run.of("train", "iris", "--out", run("killed").toString()), here);
            assertRefused(Run.of("train", "iris", "--folds", "3", "--out", run("killed").toString()), here);
            Process second = start("train iris --out " + run("killed"));
            String said = new String(second.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertRefused(new Run(second.waitFor(), "", said), here);
        }
        assertFalse(Files.exists(run("killed").resolve(RunFolder.CONFIG)), "whoever was refused wrote nothing");
        Process first = start("train iris" + options + " --out " + run("killed"));
        Process next = null;
        try {
            await(first, Phase.TRAINING, 0);
            assertRefused(Run.of("resume", run("killed").toString()), String.valueOf(first.pid()));
            first.destroyForcibly().waitFor();
            next = start("resume " + run("killed"));
            String said = await(next, Phase.TRAINING, 0);
            assertTrue(said.contains("going on after step"), said);
        } finally {
            first.destroyForcibly();
            if (next != null) {
                next.destroyForcibly().waitFor();
            }
        }
    }

    private static void assertRefused(Run run, String pid) {
        assertEquals(2, run.exitCode(), run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().contains(" is in use by process " + pid + ", ") && run.err().contains("--out"), run.err());
    }

    /** Until the phase has come; what the process said till then. */
    private String await(Process process, Phase phase, int epochs) throws IOException {
        StringBuilder text = new StringBuilder();
        if (phase == Phase.STARTING) {
            return "";
        }
        int seen = 0;
        BufferedReader out = process.inputReader();
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            text.append(line).append('\n');
            boolean last = line.startsWith("epoch " + EPOCHS + "/");
            seen += line.startsWith("epoch ") ? 1 : 0;
            if (last || line.contains("in epoch " + (EPOCHS + 1)) || phase != Phase.ENDING && seen > epochs) {
                break;
            }
        }
        while (phase == Phase.WRITING && process.isAlive() && temporaryFiles() == 0) {
            Thread.onSpinWait();
        }
        return text.toString();
    }

    private int temporaryFiles() throws IOException {
        Path checkpoints = new RunFolder(run("killed")).checkpoints();
        if (!Files.isDirectory(checkpoints)) {
            return 0;
        }
        int count = 0;
        try (DirectoryStream<Path> files = Files.newDirectoryStream(checkpoints, "*.tmp")) {
            for (Path file : files) {
                count++;
            }
        }
        return count;
    }

    private void assertSame(List<String> moments) throws IOException {
        for (String file : List.of("metrics.jsonl", "gradients.jsonl")) {
            assertEquals(lines(run("through").resolve(file)), lines(run("killed").resolve(file)), file + " " + moments);
        }
        for (String file : List.of("model.safetensors", "checkpoints/best.safetensors")) {
            assertArrayEquals(Files.readAllBytes(run("through").resolve(file)),
                Files.readAllBytes(run("killed").resolve(file)), file + " " + moments);
        }
    }

    /** But for speeds, and for how far weights moved, which the first look after a checkpoint does not know. */
    private static List<String> lines(Path file) throws IOException {
        return Files.readAllLines(file).stream()
            .map(line -> line.replaceAll(",\"(samples_per_second|update_ratio)\":[^,}]*", "")).toList();
    }
}
