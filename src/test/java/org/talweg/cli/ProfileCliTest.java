package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.testing.SoftwareDevice;

/** {@code talweg profile}. */
class ProfileCliTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @BeforeEach
    void require() {
        SoftwareDevice.require();
    }

    private static Run profile(String command) {
        return Run.of(("profile " + command).strip().split(" "));
    }

    @Test
    void aTableOfTheKernelsAndPredictedTimes() {
        Run run = profile("digits --fused off");
        assertEquals(0, run.exitCode(), run.err());
        for (String part : List.of("17,226 parameters", "launches", "floor", "sectors/request", "conflicts", "instructions",
            "dense_forward_32", "dense_backward_32_32", "cross_entropy_256",
            "prepare_step", "adam", "one step", "predicted", "not measured", "MB of L2", "T4", "A100", "RTX 4090", "H100")) {
            assertTrue(run.out().contains(part), part + " in\n" + run.out());
        }
        assertTrue(SoftwareDriver.profile().isEmpty());
    }

    @ParameterizedTest
    @CsvSource({"128, 64, 2", "'512,512', 128, 3"})
    void aStepMovesItsFloor(String hidden, int batch, int layers) throws IOException {
        Run run = profile("--input 784 --hidden " + hidden + " --classes 10 --batch " + batch
            + " --fused off --json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode last = run.lastLine();
        assertEquals(2 * layers + 3, last.get("launches").asInt(), run.out());
        assertEquals(0, last.get("bank_conflicts").asLong(), run.out());
        double ratio = last.get("ratio").asDouble();
        assertTrue(ratio >= 1 && ratio < 1.05, run.out());
        assertEquals(last.get("bytes").asDouble() / last.get("floor_bytes").asLong(), ratio, 1e-12);
        List<JsonNode> streaming = kernels(run, "cross_entropy", "prepare_step", "adam");
        assertEquals(3, streaming.size(), run.out());
        for (JsonNode kernel : streaming) {
            assertTrue(kernel.get("ratio").asDouble() >= 1 && kernel.get("ratio").asDouble() <= 1.02, run.out());
        }
        // Seven times all parameters, in whole sectors, and two sectors of the step's control.
        long sectors = (last.get("parameters").asLong() * 4 + 31) / 32;
        assertEquals(32 * (7 * sectors + 2), streaming.get(2).get("floor_bytes").asLong());
    }

    /** Lines of kernels whose names begin so. */
    private static List<JsonNode> kernels(Run run, String... beginnings) {
        return run.out().lines().map(ProfileCliTest::json)
            .filter(line -> Stream.of(beginnings).anyMatch(line.path("kernel").asText()::startsWith)).toList();
    }

    private static JsonNode json(String line) {
        try {
            return JSON.readTree(line);
        } catch (IOException e) {
            throw new IllegalArgumentException(line, e);
        }
    }

    /** Whatever the order of the rows, they are counted where they lie. */
    @ParameterizedTest
    @ValueSource(strings = {"--input 6 --hidden 4 --classes 3 --batch 5 --optimizer sgd", "diabetes --optimizer nadam",
        "digits --data-memory 100K", "--input 3 --classes 2 --batch 500 --hidden none --optimizer schedule_free"})
    void lossAndPrepareAreAtTheirFloor(String command) throws IOException {
        Run run = profile(command + " --fused off --json");
        assertEquals(0, run.exitCode(), run.err());
        List<JsonNode> streaming = kernels(run, "cross_entropy", "squared_error", "prepare_step");
        assertEquals(2, streaming.size(), run.out());
        for (JsonNode kernel : streaming) {
            // Rows of a batch that begins within a sector may lie in one more.
            long more = kernel.get("bytes").asLong() - kernel.get("floor_bytes").asLong();
            assertTrue(more >= 0 && more <= Math.max(2 * 32, 0.02 * kernel.get("floor_bytes").asLong()), run.out());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"diabetes --optimizer momentum", "iris --batch 80", "digits --precision bf16 --activation gelu",
        "breast_cancer --batch 1000 --hidden none --optimizer sgd"})
    void everyLaunchHasItsFloor(String command) throws IOException {
        Run run = profile(command + " --fused off --json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode last = run.lastLine();
        assertEquals(2 * (last.get("hidden").size() + 1) + 3, last.get("launches").asInt(), run.out());
        assertTrue(last.get("floor_bytes").isNumber(), run.out());
        assertTrue(last.get("ratio").asDouble() >= 1, run.out());
    }

    /** Whatever a step of training can be made of: kernels that the floor does not know leave the whole without one. */
    @ParameterizedTest
    @CsvSource({"iris --norm batch --dropout 0.1, false", "'iris --hidden 16,16 --norm rms --residual', false",
        "iris --accumulate 16, false", "iris --clip value:0.5, true", "iris --clip 1 --batch full, true",
        "iris --loss nll, false", "diabetes --loss huber:delta=2 --scale standard, true",
        "breast_cancer --loss binary_cross_entropy --lr 0.01 --weight-decay 0.1 --no-decay vectors, true",
        "iris --loss softmax_cross_entropy:label_smoothing=0.1 --init orthogonal --seed 7, true"})
    void theOptionsOfTraining(String command, boolean floor) throws IOException {
        Run run = profile(command + " --fused off --json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode last = run.lastLine();
        assertTrue(last.get("launches").asInt() > 5 && last.get("bytes").asLong() > 0, run.out());
        assertEquals(floor, last.get("floor_bytes").isNumber(), run.out());
        assertEquals(floor, last.get("ratio").isNumber(), run.out());
        assertTrue(!floor || last.get("ratio").asDouble() >= 1, run.out());
    }

    /** Without a word where layers are narrow, and where asked for; the same network may have many weights for few rows. */
    @ParameterizedTest
    @CsvSource({"'digits --hidden 32,32', 4", "diabetes --loss huber:delta=2 --batch 100 --activation gelu, 4",
        "digits --hidden 128 --fused on, 4", "--input 784 --hidden 128 --classes 10 --batch 64, 7"})
    void aFusedStepIsFourLaunches(String command, int launches) throws IOException {
        Run run = profile(command + " --json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode last = run.lastLine();
        assertEquals(launches, last.get("launches").asInt(), run.out());
        assertEquals(launches == 4, run.out().contains("fused_mlp_step"), run.out());
        double ratio = last.get("ratio").asDouble();
        assertTrue(ratio >= 1 && ratio <= 1.05, run.out());
    }

    @Test
    void severalLaunchesOfAnOptimizerHaveNoFloor() throws IOException {
        Run run = profile("iris --optimizer lamb --json");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.lastLine().get("floor_bytes").isNull(), run.out());
        assertTrue(profile("iris --optimizer lamb").out().contains("unknown"));
    }

    @ParameterizedTest
    @CsvSource({"'', 'name a source'", "--input 784, 'name a source'", "nothing, 'nothing'",
        "digits --input 64 --classes 10, 'leave out digits'", "--input 0 --classes 10, '--input 0'",
        "--input 4 --classes 1, '--classes 1'", "iris --batch 0, '--batch 0'", "iris --hidden 8x, \"--hidden 8x\"",
        "iris --optimizer nonsense, '--optimizer nonsense'", "iris --precision half, 'half'",
        "--input 2000000 --classes 2 --batch 2000000, 'a few batches'", "iris --optimizer sgd:lr=1e30, 'not finite'",
        "iris --device cpu, 'software device alone'", "iris --freeze dense_1, '--freeze'", "iris --optimizer lbfgs, 'lbfgs'",
        "--input 4 --classes 2 --batch full, '--batch full'", "iris --norm nonsense, '--norm nonsense'",
        "digits --hidden 256 --fused on, '256 outputs'", "digits --fused never, '--fused'"})
    void badInputIsOneClearLine(String command, String part) {
        Run run = profile(command.strip());
        assertEquals(2, run.exitCode(), run.err());
        assertTrue(run.err().contains(part.replace("\"", "")), run.err());
        assertTrue(run.out().isEmpty(), run.out());
    }

    /** As where there was no C++ compiler for the build. */
    @Test
    void withoutTheDeviceTheRemedyIsNamed(@TempDir Path classes) throws IOException, InterruptedException {
        Path all = Path.of(System.getProperty("talweg.target", "target"), "classes").toAbsolutePath();
        try (Stream<Path> files = Files.walk(all)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".class") || f.startsWith(all.resolve("META-INF")))
                .filter(Files::isRegularFile).toList()) {
                Path copy = classes.resolve(all.relativize(file));
                Files.createDirectories(copy.getParent());
                Files.copy(file, copy);
            }
        }
        String jars = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
            .filter(entry -> entry.endsWith(".jar")).collect(Collectors.joining(File.pathSeparator));
        Process java = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
            classes + File.pathSeparator + jars, "org.talweg.cli.Main", "profile", "--input", "4", "--classes", "2")
            .redirectErrorStream(true).start();
        String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(java.waitFor(2, TimeUnit.MINUTES), "hangs: " + output);
        assertEquals(2, java.exitValue(), output);
        assertEquals(1, output.lines().count(), output);
        assertTrue(output.contains("apt-get install g++"), output);
    }
}
