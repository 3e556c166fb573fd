package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.testing.TestDevice;

/** The command line: what a user sees, and what a machine reads. */
class CliTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path folder;

    private record Run(int exitCode, String out, String err) {
        List<String> lines() {
            return out.lines().toList();
        }

        JsonNode lastLine() throws IOException {
            return JSON.readTree(lines().get(lines().size() - 1));
        }
    }

    private static Run talweg(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), args);
        return new Run(exitCode, out.toString(), err.toString());
    }

    private Run train(String command) {
        return talweg(("train " + command + " --out " + folder.resolve("run")).split(" "));
    }

    @Test
    void trainsOnDigitsAndSavesWhatItLearned() throws IOException {
        Run run = train("digits --device cpu");
        assertEquals(0, run.exitCode, run.err);
        for (String part : List.of("device  cpu", "data    digits: 1,797 rows of 64 features, 10 classes",
            "17,226 parameters", "epoch 30/30", "val_accuracy", "samples/s", "test    loss", "saved")) {
            assertTrue(run.out.contains(part), part + " in\n" + run.out);
        }
        Path model = folder.resolve("run/model.safetensors");
        List<String> metrics = Files.readAllLines(folder.resolve("run/metrics.jsonl"));
        assertTrue(metrics.stream().anyMatch(line -> line.contains("val_accuracy")), metrics.toString());
        try (Device device = Devices.open("cpu"); Model read = Model.load(model, device)) {
            assertEquals(17_226, read.parameterCount());
        }
    }

    @Test
    void theLastJsonLineHoldsTheFinalFigures() throws IOException {
        Run run = train("digits --device cpu --json");
        assertEquals(0, run.exitCode, run.err);
        for (String line : run.lines()) {
            assertTrue(JSON.readTree(line).isObject(), line);
        }
        JsonNode last = run.lastLine();
        assertTrue(last.get("test_accuracy").asDouble() >= 0.97, last.toString());
        assertTrue(last.get("test_loss").asDouble() < 0.2, last.toString());
        assertEquals("cpu", last.get("device").asText());
        assertEquals(30, last.get("epochs").asInt());
    }

    @Test
    void theSoftwareDeviceEndsWhereTheCpuDoes() throws IOException {
        TestDevice on = TestDevice.accelerator();
        on.device();
        Run kernels = train("digits --epochs 4 --json --device " + on);
        Run cpu = train("digits --epochs 4 --json --device cpu");
        assertEquals(0, kernels.exitCode, kernels.err);
        assertEquals(cpu.lastLine().get("test_accuracy").asDouble(),
            kernels.lastLine().get("test_accuracy").asDouble(), 0.005);
        assertEquals(on.toString(), kernels.lastLine().get("device").asText());
    }

    @ParameterizedTest
    @ValueSource(strings = {"iris", "breast_cancer", "diabetes"})
    void everyBuiltInDataSetTrains(String data) throws IOException {
        Run run = train(data + " --device cpu --epochs 3 --json");
        assertEquals(0, run.exitCode, run.err);
        assertEquals(!data.equals("diabetes"), run.lastLine().has("test_accuracy"), run.out);
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "--optimizer sgd", "--optimizer momentum --clip 1", "--optimizer nesterov", "--optimizer adamw --lr 0.01",
        "--activation tanh", "--activation gelu --hidden 16", "--activation sigmoid --hidden 8,8,8",
        "--hidden none", "--schedule constant", "--batch 7", "--scale standard", "--scale none",
        "--weight-decay 0.1", "--seed 7"})
    void optionsChangeTheResult(String options) throws IOException {
        JsonNode usual = train("iris --device cpu --epochs 2 --json").lastLine();
        Run run = train("iris --device cpu --epochs 2 --json " + options);
        assertEquals(0, run.exitCode, run.err);
        assertFalse(usual.get("test_loss").equals(run.lastLine().get("test_loss")), options + " changed nothing");
    }

    @Test
    void theSameSeedGivesTheSameModelFile() throws IOException {
        train("iris --device cpu --epochs 2");
        byte[] first = Files.readAllBytes(folder.resolve("run/model.safetensors"));
        train("iris --device cpu --epochs 2");
        assertArrayEquals(first, Files.readAllBytes(folder.resolve("run/model.safetensors")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "digits --optimizer foo | adamw",
        "digits --activation foo | gelu",
        "digits --schedule foo | cosine",
        "digits --scale foo | standard",
        "digits --device foo | software",
        "digits --hidden 12,x | 'x' is no number of units",
        "digits --hidden 0 | at least 1 unit",
        "digits --batch 0 | at least 1 row",
        "digits --epochs -1 | at least 1",
        "digits --clip 0 | above 0",
        "digits --lr -1 | at least 0",
        "nothing | digits",
        "digits --frobnicate | frobnicate"})
    void badInputIsOneLineThatNamesTheRemedy(String command, String part) {
        Run run = train(command);
        assertEquals(2, run.exitCode, run.out + run.err);
        assertEquals(1, run.err.lines().count(), run.err);
        assertTrue(run.err.startsWith("talweg: "), run.err);
        assertTrue(run.err.toLowerCase(java.util.Locale.ROOT).contains(part.toLowerCase(java.util.Locale.ROOT)),
            run.err);
        assertFalse(Files.exists(folder.resolve("run/model.safetensors")));
    }

    @Test
    void aMissingGpuIsOneLineThatSaysWhy() {
        Assumptions.assumeTrue(Devices.list().stream().noneMatch(c -> c.name().startsWith("cuda") && c.available()),
            "there is a GPU here");
        Run run = train("digits --device cuda");
        assertEquals(2, run.exitCode, run.err);
        assertEquals(1, run.err.lines().count(), run.err);
        assertTrue(run.err.contains("no CUDA GPU"), run.err);
        assertFalse(Files.exists(folder.resolve("run")));
    }

    @Test
    void anOutputThatIsAFileIsRefused() throws IOException {
        Files.writeString(folder.resolve("run"), "in the way");
        Run run = train("iris --device cpu --epochs 1");
        assertEquals(2, run.exitCode, run.err);
        assertTrue(run.err.contains("is a file; name a folder"), run.err);
    }

    @Test
    void devicesAreListedWithReasons() {
        Run run = talweg("devices");
        assertEquals(0, run.exitCode, run.err);
        for (String device : List.of("cuda", "cpu", "reference", "software")) {
            assertTrue(run.lines().stream().anyMatch(line -> line.startsWith(device)), device + " in\n" + run.out);
        }
    }

    @Test
    void helpAndVersionAreThere() {
        assertEquals(0, talweg("--help").exitCode);
        assertTrue(talweg("train", "--help").out.contains("Example:"));
        assertTrue(talweg("--version").out.startsWith("talweg "));
        Run nothing = talweg();
        assertEquals(2, nothing.exitCode);
        assertTrue(nothing.err.contains("train"), nothing.err);
    }
}
