package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.tape.Parameter;
import org.talweg.testing.TestDevice;

/** The command line: what a user sees, and what a machine reads. */
class CliTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path folder;

    private static Run talweg(String... args) {
        return Run.of(args);
    }

    private Run train(String command) {
        return talweg(("train " + command + " --out " + folder.resolve("run")).split(" "));
    }

    @Test
    void trainsOnDigitsAndSavesWhatItLearned() throws IOException {
        Run run = train("digits --device cpu");
        assertEquals(0, run.exitCode(), run.err());
        for (String part : List.of("device  cpu", "data    digits: 1,797 rows of 64 features, 10 classes",
            "17,226 parameters", "epoch 30/30", "val_accuracy", "samples/s", "test    loss", "saved")) {
            assertTrue(run.out().contains(part), part + " in\n" + run.out());
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
        assertEquals(0, run.exitCode(), run.err());
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
        assertEquals(0, kernels.exitCode(), kernels.err());
        assertEquals(cpu.lastLine().get("test_accuracy").asDouble(),
            kernels.lastLine().get("test_accuracy").asDouble(), 0.005);
        assertEquals(on.toString(), kernels.lastLine().get("device").asText());
    }

    @Test
    void aPrecisionThatTheDeviceDoesNotHaveIsSaid() throws IOException {
        Run cpu = train("iris --epochs 1 --device cpu --precision bf16");
        assertEquals(0, cpu.exitCode(), cpu.err());
        assertTrue(cpu.out().contains("cpu has no tensor cores for bf16: matrix products are in float32"), cpu.out());
        assertFalse(train("iris --epochs 1 --device cpu").out().contains("tensor cores"));
        TestDevice on = TestDevice.accelerator();
        on.device();
        for (String device : List.of("cpu", on.toString())) {
            Run run = train("iris --epochs 1 --json --precision bf16 --device " + device);
            assertEquals(device.equals("cpu") ? "float32" : "bf16", JSON.readTree(run.lines().get(0)).get("precision").asText());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"iris", "breast_cancer", "diabetes"})
    void everyBuiltInDataSetTrains(String data) throws IOException {
        Run run = train(data + " --device cpu --epochs 3 --json");
        assertEquals(0, run.exitCode(), run.err());
        assertEquals(!data.equals("diabetes"), run.lastLine().has("test_accuracy"), run.out());
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "--optimizer lbfgs", "--optimizer lbfgs:iterations=3 --freeze dense_1", "--optimizer lbfgs --lr 0.5 --accumulate 50",
        "--freeze dense_1", "--freeze bias", "--lr-scale dense_1=0.1", "--lr-scale *.bias=3,dense_2=0",
        "--optimizer sgd", "--optimizer adam:maximize=yes", "--optimizer momentum --clip 1", "--optimizer nesterov", "--optimizer adamw --lr 0.01",
        "--activation tanh", "--norm batch", "--norm layer", "--norm rms", "--dropout 0.2", "--hidden 8,8 --residual",
        "--init orthogonal", "--activation gelu --hidden 16", "--activation sigmoid --hidden 8,8,8",
        "--hidden none", "--schedule constant", "--batch 7", "--scale standard", "--scale none",
        "--weight-decay 0.1", "--seed 7", "--batch full", "--batch 1", "--schedule one_cycle:max=0.1", "--per-epoch",
        "--schedule warmup:for=3 --schedule cosine", "--schedule constant:for=3 --schedule exponential:0.5",
        "--clip value:1e-3", "--clip norm:0.01,p=inf", "--clip global:0.01,p=1 --clip adaptive:0.001",
        "--scale robust", "--scale l2", "--scale maxabs", "--stop steps:3", "--loss softmax_cross_entropy --lr 0.1"})
    void optionsChangeTheResult(String options) throws IOException {
        JsonNode usual = train("iris --device cpu --epochs 2 --json").lastLine();
        Run run = train("iris --device cpu --epochs 2 --json " + options);
        assertEquals(0, run.exitCode(), run.err());
        assertFalse(usual.get("test_loss").equals(run.lastLine().get("test_loss")), options + " changed nothing");
    }

    @Test
    void parametersAreTreatedAsToldByName() throws IOException {
        Map<String, float[]> start = trained("--optimizer sgd:lr=0");
        Map<String, float[]> frozen = trained("--optimizer sgd --freeze dense_1");
        assertArrayEquals(start.get("dense_1.weight"), frozen.get("dense_1.weight"));
        assertArrayEquals(start.get("dense_1.bias"), frozen.get("dense_1.bias"));
        assertFalse(Arrays.equals(start.get("dense_2.weight"), frozen.get("dense_2.weight")));
        Map<String, float[]> still = trained("--optimizer sgd --lr-scale dense_1=0");
        frozen.forEach((name, values) -> assertArrayEquals(values, still.get(name), name));
        // Biases begin at 0, so that their decay shows in the second step, and weights are the same until the third.
        Map<String, float[]> decayed = trained("--optimizer adamw:weight_decay=9");
        for (String vectors : List.of("bias", "vectors", "dense_1.bias,*_2.bias")) {
            Map<String, float[]> some = trained("--optimizer adamw:weight_decay=9 --no-decay " + vectors);
            decayed.forEach((name, values) -> assertEquals(name.endsWith("weight"), Arrays.equals(values, some.get(name)),
                name + ", --no-decay " + vectors));
        }
    }

    /** After two steps. */
    private Map<String, float[]> trained(String options) throws IOException {
        Run run = train("iris --device cpu --hidden 4 --keep last --stop steps:2 " + options);
        assertEquals(0, run.exitCode(), run.err());
        try (Device device = Devices.open("cpu");
            Model model = Model.load(folder.resolve("run/model.safetensors"), device)) {
            return model.tape().parameters().stream()
                .collect(Collectors.toMap(Parameter::name, p -> model.parameterValues(p.name())));
        }
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
        "digits --device foo | software",
        "digits --hidden 12,x | 'x' is no number of units",
        "digits --hidden 0 | at least 1 unit",
        "digits --dropout 1.5 | a dropout rate of 1.5",
        "digits --batch 0 | at least 1 row",
        "digits --epochs -1 | at least 1",
        "digits --batch half | write a number of rows, or full",
        "digits --accumulate 0 | 0 rows of a micro-batch",
        "digits --clip 0 | above 0",
        "digits --clip 1 --clip global:2 | two clippings of one kind",
        "digits --optimizer adam:momentum=0.9 | no setting 'momentum'; adam takes lr, beta1, beta2, eps",
        "digits --optimizer lbfgs --batch 32 | lbfgs needs the loss of all rows at each step; write --batch full",
        "digits --optimizer lbfgs --clip 1 | leave clipping out",
        "digits --optimizer lbfgs --dropout 0.1 | training changes dropout",
        "digits --optimizer lbfgs --norm batch | training changes batch_norm_1.weight",
        "digits --optimizer lbfgs --lr-scale bias=2 | leave learning-rate and weight-decay multipliers out",
        "digits --optimizer lbfgs --weight-decay 0.1 | no setting 'weight_decay'; lbfgs takes lr, iterations",
        "digits --optimizer lbfgs:maximize=yes | L-BFGS minimises",
        "digits --freeze dense_4 | no layer or parameter is called 'dense_4'; there are dense_1, dense_2, dense_3 with",
        "digits --no-decay norm | no layer or parameter is called 'norm'",
        "digits --lr-scale dense_1 | write a name and a factor, as dense_1=0.1",
        "digits --lr-scale dense_1=x | 'x' is no number",
        "digits --lr-scale dense_1=-1 | learning-rate multiplier of parameter dense_1.weight is -1.0",
        "digits --freeze * | there is nothing to train",
        "digits --optimizer adam:maximize=maybe | maximize is 'maybe'; it must be yes or no",
        "digits --optimizer sgd:lr=fast | lr is 'fast'; it must be a number",
        "digits --schedule one_cycle:max=0.1,per_cent=0.3 | no setting 'per_cent'; one_cycle takes max, pct, div",
        "digits --schedule one_cycle:phases=4 | phases is '4'; it must be 2 or 3",
        "digits --optimizer sgd --schedule one_cycle:low=0.85,high=0.95 | the schedule moves the momentum, and Sgd",
        "digits --schedule warmup:for=5 | followed by nothing",
        "digits --schedule constant --schedule cosine | for how many steps is this one?",
        "digits --schedule cosine:for=5 | lasts to the end",
        "digits --stop steps:n=0.5 | n is '0.5'; it must be a whole number",
        "digits --stop epochs:1,2 | too many values; epochs takes n",
        "digits --metrics f1:average=mean | auto, binary, macro or micro",
        "digits --keep first | write best, best:METRIC or last",
        "digits --scale none:1 | too many values; none takes none",
        "digits --loss huber:delta=0 | delta of huber is 0.0",
        "digits --loss nll:class_weights=1/x | numbers with strokes between them",
        "digits --loss nll:class_weights=1/2 | 2 class weights, the model 10 classes",
        "digits --loss softmax_cross_entropy:reduction=none | mean, batch_mean or sum",
        "digits --metrics mae | digits has classes to predict, not numbers",
        "digits --keep best:val_f1 | no metric 'val_f1'; there are loss",
        "digits --lr -1 | at least 0",
        "nothing | digits",
        "digits --frobnicate | frobnicate"})
    void badInputIsOneLineThatNamesTheRemedy(String command, String part) {
        Run run = train(command);
        assertEquals(2, run.exitCode(), run.out() + run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().startsWith("talweg: "), run.err());
        assertTrue(run.err().toLowerCase(java.util.Locale.ROOT).contains(part.toLowerCase(java.util.Locale.ROOT)),
            run.err());
        assertFalse(Files.exists(folder.resolve("run/model.safetensors")));
    }

    /** Every method in every list is tried as it is written there; the lists are what an unknown name gets to see. */
    @ParameterizedTest
    @ValueSource(strings = {"activation", "norm", "init", "loss", "optimizer", "clip", "scale", "schedule", "stop", "metrics"})
    void anUnknownNameListsWhatThereIs(String option) {
        Run run = train("digits --" + option + " foo");
        assertEquals(2, run.exitCode(), run.out());
        String list = talweg("methods", option).out();
        List<String> lines = list.lines().toList();
        assertEquals("--" + option, lines.get(0));
        assertTrue(lines.size() > 2, list);
        for (String line : lines.subList(1, lines.size())) {
            assertTrue(line.matches("  [a-z]\\S+  .*"), line);
            assertTrue(run.err().lines().map(String::strip).anyMatch(shown -> shown.startsWith(line.strip().split("[ :]")[0])),
                line + " in\n" + run.err());
        }
        assertEquals(lines.size(), run.err().lines().count(), run.err());
        assertTrue(run.err().startsWith("talweg: ") && run.err().contains("foo"), run.err());
        assertTrue(talweg("methods").out().contains(list), "all lists together");
        assertEquals(2, talweg("methods", "foo").exitCode());
    }

    @Test
    void everyMethodTrainsAsListed() {
        for (String option : List.of("clip", "scale", "schedule", "stop", "optimizer", "norm", "init")) {
            List<String> lines = talweg("methods", option).lines();
            for (String line : lines.subList(1, lines.size())) {
                String settings = line.endsWith("]") ? ":" + line.substring(line.lastIndexOf('[') + 1, line.length() - 1)
                    : "";
                String usage = line.strip().split(" ")[0] + settings;
                String rest = usage.startsWith("warmup") ? " --schedule cosine" : "";
                Run run = train("iris --device cpu --hidden 3 --epochs 1 --" + option + " " + usage + rest);
                assertEquals(0, run.exitCode(), usage + ": " + run.err());
            }
        }
    }

    @Test
    void metricsAreShownForValidationAndTest() throws IOException {
        Run text = train("iris --device cpu --epochs 2 --metrics f1,top_k:2,auc,accuracy --confusion");
        assertEquals(0, text.exitCode(), text.err());
        for (String part : List.of("val_f1 ", "val_top_2_accuracy ", "val_auc ", "  f1 ", "true class by row",
            "versicolor")) {
            assertTrue(text.out().contains(part), part + " in\n" + text.out());
        }
        Run json = train("diabetes --device cpu --epochs 2 --metrics mae,rmse,r2 --json");
        for (String key : List.of("test_mae", "val_mae", "test_r2", "val_rmse")) {
            assertTrue(json.lastLine().has(key), key + " in " + json.out());
        }
        JsonNode last = json.lastLine();
        assertEquals(Math.sqrt(last.get("test_loss").asDouble()), last.get("test_rmse").asDouble(), 1e-3);
    }

    @Test
    void earlyStoppingSaysWhyAndKeepsTheBest() throws IOException {
        Run run = train("iris --device cpu --lr 5 --epochs 100 --stop no_improvement:patience=3 --json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode last = run.lastLine();
        assertTrue(last.get("stop_reason").asText().startsWith("val_loss has not improved for 3 epochs"), run.out());
        assertEquals(last.get("epochs").asInt() - 3, last.get("kept_epoch").asInt());
        assertFalse(train("iris --device cpu --lr 5 --epochs 100 --stop epochs:4 --keep last --json").lastLine()
            .has("kept_epoch"));
    }

    @Test
    void howARunWasMadeIsWrittenDown() throws IOException {
        train("iris --device cpu --epochs 1 --scale robust");
        List<String> made = Files.readAllLines(folder.resolve("run/run.yaml"));
        assertTrue(made.contains("scale: robust") && made.contains("seed: 42"), made.toString());
        JsonNode session = JSON.readTree(folder.resolve("run/environment.json").toFile()).get("sessions").get(0);
        assertEquals("train", session.get("arguments").get(0).asText());
        assertEquals("cpu", session.get("device").asText());
        assertEquals(64, session.get("data_sha256").asText().length());
        assertEquals(List.of("stop_reason", "epochs", "planned_epochs", "kept_epoch", "kept_metric", "skipped_steps", "seconds",
            "test"), JSON.readTree(folder.resolve("run/result.json").toFile()).properties().stream().map(Map.Entry::getKey)
            .toList(), "what it ran on stands elsewhere");
        assertEquals(Runtime.version().feature(), Runtime.Version.parse(session.get("java").asText()
            .replaceAll(".* ", "").replaceAll("[^0-9.].*", "")).feature());
        try (Device device = Devices.open("cpu");
            Model model = Model.load(folder.resolve("run/model.safetensors"), device)) {
            assertEquals("robust", model.scaler().orElseThrow().name());
        }
    }

    @Test
    void aLearningRateIsFoundAndDrawn() throws Exception {
        Run run = talweg("lr-find", "digits", "--device", "cpu", "--optimizer", "momentum", "--out", folder.toString());
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.lines().get(0).matches("steepest  at \\S+: a rate to train with, --lr \\S+"), run.out());
        double rate = Double.parseDouble(run.lines().get(0).replaceAll(".*--lr ", ""));
        assertTrue(rate > 1e-4 && rate < 0.5, "momentum descent on digits with a rate of " + rate);
        BufferedImage png = ImageIO.read(folder.resolve("lr-find.png").toFile());
        assertEquals(1140, png.getWidth());
        assertTrue(IntStream.range(0, png.getHeight()).anyMatch(y -> IntStream.range(0, png.getWidth())
            .anyMatch(x -> (png.getRGB(x, y) & 0xffffff) == 0x355f8c)), "the running mean is nowhere in the picture");
        String svg = Files.readString(folder.resolve("lr-find.svg"));
        assertTrue(svg.contains("<svg") && svg.strip().endsWith("</svg>"), "no SVG");
        List<String> table = Files.readAllLines(folder.resolve("lr-find.csv"));
        assertEquals("step,learning_rate,loss,smoothed_loss", table.get(0));
        assertTrue(table.size() > 50 && table.size() <= 201, table.size() + " lines");
        Run hopeless = talweg("lr-find", "digits", "--device", "cpu", "--from", "1e4", "--to", "1e5", "--steps", "20",
            "--optimizer", "sgd", "--out", folder.toString());
        assertEquals(2, hopeless.exitCode(), hopeless.out());
        assertTrue(hopeless.err().contains("the loss fell nowhere"), hopeless.err());
    }

    @Test
    void aMissingGpuIsOneLineThatSaysWhy() {
        Assumptions.assumeTrue(Devices.list().stream().noneMatch(c -> c.name().startsWith("cuda") && c.available()),
            "there is a GPU here");
        Run run = train("digits --device cuda");
        assertEquals(2, run.exitCode(), run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().contains("no CUDA GPU"), run.err());
        assertFalse(Files.exists(folder.resolve("run")));
    }

    @Test
    void anOutputThatIsAFileIsRefused() throws IOException {
        Files.writeString(folder.resolve("run"), "in the way");
        Run run = train("iris --device cpu --epochs 1");
        assertEquals(2, run.exitCode(), run.err());
        assertTrue(run.err().contains("is a file; name a folder"), run.err());
    }

    @Test
    void devicesAreListedWithReasons() {
        Run run = talweg("devices");
        assertEquals(0, run.exitCode(), run.err());
        for (String device : List.of("cuda", "cpu", "reference", "software")) {
            assertTrue(run.lines().stream().anyMatch(line -> line.startsWith(device)), device + " in\n" + run.out());
        }
    }

    @Test
    void helpAndVersionAreThere() {
        assertEquals(0, talweg("--help").exitCode());
        assertTrue(talweg("train", "--help").out().contains("Example"));
        assertTrue(talweg("--version").out().startsWith("talweg "));
        Run nothing = talweg();
        assertEquals(2, nothing.exitCode());
        assertTrue(nothing.err().contains("train"), nothing.err());
    }
}
