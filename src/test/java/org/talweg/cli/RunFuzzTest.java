package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.cli.Run.talweg;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.testing.Mutation;
import org.talweg.train.Checkpoint;

/** Runs that something has happened to: an error that says so, or a right result; never a stack trace or a hang. */
@Timeout(value = 30, unit = TimeUnit.MINUTES)
class RunFuzzTest {
    /** Of each kind of file: {@code -Dtalweg.fuzz=10000} for a long run. */
    private static final int MUTATIONS = Integer.getInteger("talweg.fuzz", 2_000);
    /** The command line takes longer than the readers. */
    private static final int COMMANDS = MUTATIONS / 10;
    /** A small file must not make a reader allocate more than this. */
    private static final long MOST_MEMORY = 16 << 20;

    @TempDir
    private Path folder;

    private Path train() {
        Path run = folder.resolve("run");
        assertEquals(0, talweg("train iris --device cpu --hidden 4 --norm batch --residual --epochs 2 --no-report --out "
            + run).exitCode());
        return run;
    }

    private interface Reader {
        void read(Path path) throws IOException;
    }

    private void fuzz(Path good, Reader reader) throws IOException {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        byte[] content = Files.readAllBytes(good);
        Path path = folder.resolve("bad-" + good.getFileName());
        SplittableRandom random = new SplittableRandom(5);
        int refused = 0;
        for (int i = 0; i < MUTATIONS; i++) {
            byte[] bad = Mutation.of(content, random);
            Files.write(path, bad);
            long before = threads.getCurrentThreadAllocatedBytes();
            try {
                reader.read(path);
            } catch (IOException | IllegalArgumentException e) {
                assertTrue(String.valueOf(e.getMessage()).contains(path.getFileName().toString()), "which file? " + e.getMessage());
                refused++;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("mutation " + i + ": " + new String(bad, StandardCharsets.ISO_8859_1), e);
            }
            long allocated = threads.getCurrentThreadAllocatedBytes() - before;
            assertTrue(allocated < MOST_MEMORY, "mutation " + i + " allocates " + allocated + " bytes: "
                + new String(bad, StandardCharsets.ISO_8859_1));
        }
        assertTrue(refused > MUTATIONS / 10, refused + " of " + MUTATIONS + " refused");
    }

    @Test
    void models() throws IOException {
        Path model = train().resolve("model.safetensors");
        try (Device device = Devices.open("cpu")) {
            fuzz(model, path -> Model.load(path, device).close());
            assertEquals(0, device.bytesAllocated());
        }
    }

    /** All but the whole one are told: by the checksum, where nothing else is wrong. */
    @Test
    void checkpoints() throws IOException {
        Path checkpoints = train().resolve("checkpoints");
        Path last = checkpoints.resolve("step-000000000008.safetensors");
        long steps = Checkpoint.read(last).steps();
        fuzz(last, path -> assertEquals(steps, Checkpoint.read(path).steps()));
    }

    @Test
    void configurations() throws IOException {
        Path config = train().resolve("run.yaml");
        fuzz(config, path -> Config.read(path).table());
        Path json = Files.writeString(folder.resolve("run.json"), "{\"source\": \"iris\", \"epochs\": 2, \"hidden\": [8, 8], "
            + "\"residual\": true, \"schedule\": [\"warmup:for=3\", \"cosine\"]}");
        fuzz(json, path -> Config.read(path).table());
    }

    /** Up to the folder for the results, which is a file. */
    @Test
    void configurationsOnTheCommandLine() throws IOException {
        byte[] config = Files.readAllBytes(train().resolve("run.yaml"));
        Path out = Files.writeString(folder.resolve("file"), "in the way");
        Path bad = folder.resolve("bad.yaml");
        SplittableRandom random = new SplittableRandom(6);
        for (int i = 0; i < COMMANDS; i++) {
            Files.write(bad, Mutation.of(config, random));
            assertOneLine(talweg("train --config " + bad + " --device cpu --out " + out), bad, 2);
        }
    }

    @Test
    void damagedRunsOnTheCommandLine() throws IOException {
        Path run = train();
        byte[] model = Files.readAllBytes(run.resolve("model.safetensors"));
        byte[] checkpoint = Files.readAllBytes(run.resolve("checkpoints/step-000000000008.safetensors"));
        SplittableRandom random = new SplittableRandom(7);
        for (int i = 0; i < COMMANDS; i++) {
            Path file = Files.write(run.resolve("model.safetensors"), Mutation.of(model, random));
            assertOneLine(talweg("evaluate " + run + " --device cpu"), file, 0, 2);
        }
        for (int i = 0; i < COMMANDS / 10; i++) {
            Path file = Files.write(run.resolve("checkpoints/step-000000000008.safetensors"), Mutation.of(checkpoint, random));
            assertOneLine(talweg("resume " + run + " --device cpu --quiet"), file, 0, 2);
        }
    }

    private static void assertOneLine(Run run, Path file, int... codes) throws IOException {
        String what = run.exitCode() + " " + run.err() + "\n" + new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        assertTrue(Arrays.stream(codes).anyMatch(code -> code == run.exitCode()), what);
        // Lists of what there is are indented.
        assertTrue(run.exitCode() == 0 || run.err().startsWith("talweg: ")
            && run.err().lines().skip(1).allMatch(line -> line.startsWith("  ")), what);
    }
}
