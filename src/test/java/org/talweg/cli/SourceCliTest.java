package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;

/** The user's own data on the command line. */
class SourceCliTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path folder;

    private static Run talweg(Stream<String> args) {
        return Run.of(args.toArray(String[]::new));
    }

    /** {@code people.csv} with words, gaps and a number of each row; the last column follows from the others. */
    @BeforeEach
    void writeTable() throws IOException {
        StringBuilder table = new StringBuilder("id;colour;size;kind\n");
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < 200; i++) {
            boolean red = random.nextBoolean();
            int size = random.nextInt(100);
            table.append(i).append(red ? ";red;" : ";blue;").append(i % 20 == 7 ? "" : size).append(';')
                .append(red == size < 50 ? "good" : "bad").append('\n');
        }
        Files.writeString(folder.resolve("people.csv"), table);
    }

    private Run run(String command) {
        return talweg(Arrays.stream(command.split(" "))
            .map(word -> word.replace("DIR", folder.toString())));
    }

    private Run train(String options) {
        return run("train " + options + " --device cpu --json --out DIR/run");
    }

    /** 64 columns with numbers for names are a table, until somebody says that they are pixels. */
    @Test
    void imagesAreWhatCameAsImages() throws IOException {
        Dataset digits = Datasets.builtIn("digits");
        StringBuilder table = new StringBuilder();
        for (int i = 0; i < 64; i++) {
            table.append('x').append(i).append(',');
        }
        table.append("y\n");
        for (int row = 0; row < 200; row++) {
            for (int i = 0; i < 64; i++) {
                table.append(digits.features()[row * 64 + i]).append(',');
            }
            table.append(digits.labels()[row]).append('\n');
        }
        Files.writeString(folder.resolve("square.csv"), table);
        for (String[] source : new String[][] {{"DIR/square.csv", "false"}, {"DIR/square.csv --image 8x8", "true"},
            {"digits", "true"}}) {
            Run run = train(source[0] + " --hidden none --epochs 1");
            assertEquals(0, run.exitCode(), run.err());
            assertEquals(source[1], String.valueOf(Files.readString(folder.resolve("run/report.html"))
                .contains("<ul class=\"images\">")), source[0]);
        }
        assertEquals("talweg: --image 9x9 are 81 pixels, and square.csv has 64 features",
            train("DIR/square.csv --image 9x9").err().strip());
        assertTrue(train("DIR/square.csv --image 8").err().contains("write height and width, as 28x28"));
    }

    @Test
    void aTableTrainsAndOtherCommandsFindItAgain() throws IOException {
        Run run = train("DIR/people.csv --without id --missing mean --hidden 16 --epochs 40 --test 0.25 --scale standard");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.lastLine().get("test_accuracy").asDouble() > 0.85, run.out());
        assertEquals(50, JSON.readTree(run.out().lines().findFirst().orElseThrow()).get("test_rows").asInt());
        try (Device device = Devices.open("cpu"); Model model = Model.load(folder.resolve("run/model.safetensors"), device)) {
            assertEquals(3, model.scaler().orElseThrow().columns(), "colour=blue, colour=red, size");
            assertEquals(0.5, model.scaler().orElseThrow().fill().orElseThrow()[0], 0.1, "what fills a gap is kept");
        }
        Run diagnosis = run("diagnose DIR/run --device cpu");
        assertEquals(0, diagnosis.exitCode(), diagnosis.err());
        assertTrue(diagnosis.out().contains("the model stands at"), diagnosis.out());
        assertEquals(0, run("landscape DIR/run --device cpu --grid 5").exitCode());
        List<String> made = Files.readAllLines(folder.resolve("run/run.yaml"));
        assertTrue(made.contains("source: " + folder.resolve("people.csv").toAbsolutePath()), made.toString());
        assertTrue(made.contains("missing: mean"), made.toString());
    }

    @Test
    void streamedDataTrainTheSameModel() throws IOException {
        assertEquals(0, train("digits --epochs 2").exitCode());
        byte[] whole = Files.readAllBytes(folder.resolve("run/model.safetensors"));
        Run streamed = train("digits --epochs 2 --data-memory 48K");
        assertEquals(0, streamed.exitCode(), streamed.err());
        assertArrayEquals(whole, Files.readAllBytes(folder.resolve("run/model.safetensors")));
    }

    @Test
    void textSaysWhatIsPredicted() {
        Run run = run("train DIR/people.csv --missing drop --epochs 1 --device cpu --hidden none --out DIR/run");
        assertTrue(run.out().contains("data    people.csv: 190 rows of 4 features, 2 classes of kind; 133 to train"), run.out());
        Run other = run("train DIR/people.csv --missing drop --epochs 1 --device cpu --target id --out DIR/run");
        assertTrue(other.out().contains("190 rows of 5 features, id to predict"), other.out());
    }

    /** Written as MNIST is, the digits are learned like the built-in ones, and tested on the rows set apart. */
    @Test
    void aFolderOfImagesTrains() throws IOException {
        Dataset digits = Datasets.builtIn("digits").shuffle(1);
        write("train", digits, 0, 1500);
        write("t10k", digits, 1500, digits.rows());
        Run run = train("DIR/mnist --epochs 8 --lr 0.003");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode first = JSON.readTree(run.out().lines().findFirst().orElseThrow());
        assertEquals(297, first.get("test_rows").asInt());
        assertEquals(225, first.get("val_rows").asInt());
        assertTrue(run.lastLine().get("test_accuracy").asDouble() > 0.93, run.out());
        assertEquals(0, run("diagnose DIR/run --device cpu").exitCode());
        Run twice = train("DIR/mnist --test 0.2");
        assertTrue(twice.err().contains("--test 0.2: " + folder.resolve("mnist") + " has test rows of its own"), twice.err());
    }

    private void write(String part, Dataset data, int from, int to) throws IOException {
        Path mnist = Files.createDirectories(folder.resolve("mnist"));
        ByteBuffer images = ByteBuffer.allocate(16 + (to - from) * 64).putInt(0x803).putInt(to - from).putInt(8).putInt(8);
        ByteBuffer labels = ByteBuffer.allocate(8 + to - from).putInt(0x801).putInt(to - from);
        for (int row = from; row < to; row++) {
            for (int i = 0; i < 64; i++) {
                images.put((byte) data.features()[row * 64 + i]);
            }
            labels.put((byte) data.labels()[row]);
        }
        Files.write(mnist.resolve(part + "-images-idx3-ubyte"), images.array());
        Files.write(mnist.resolve(part + "-labels-idx1-ubyte"), labels.array());
    }

    @Test
    void crossValidationTestsEveryRowOnce() throws IOException {
        Run run = run("train DIR/people.csv --without id --missing mean --hidden 8 --epochs 5 --folds 4 --metrics f1 --device cpu "
            + "--json --out DIR/run");
        assertEquals(0, run.exitCode(), run.err());
        List<JsonNode> lines = new ArrayList<>();
        for (String line : run.out().lines().toList()) {
            lines.add(JSON.readTree(line));
        }
        assertEquals(6, lines.size(), "what is trained, four folds, and the mean: " + run.out());
        assertEquals(50, lines.get(0).get("test_rows").asInt());
        double mean = lines.subList(1, 5).stream().mapToDouble(line -> line.get("test_loss").asDouble()).average().orElseThrow();
        assertEquals(mean, run.lastLine().get("test_loss").asDouble(), 1e-12);
        assertTrue(run.lastLine().get("test_loss_deviation").asDouble() > 0, run.out());
        Run fold = run("diagnose DIR/run/fold-3 --device cpu");
        assertEquals(0, fold.exitCode(), fold.err());
        Run text = run("train iris --epochs 2 --folds 3 --device cpu --out DIR/iris");
        assertTrue(text.out().contains("fold 3/3  loss") && text.out().contains(" on 50 rows") && text.out().contains(" ± "), text.out());
        assertTrue(train("iris --folds 1").err().contains("--folds 1: at least 2"));
        assertTrue(train("iris --folds 151").err().contains("151 folds of 150 rows"));
        assertTrue(train("iris --folds 5 --test 0.2").err().contains("each fold is the test part once"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"lr-find DIR/people.csv --without id --missing zero --device cpu --out DIR/run",
        "closed-form DIR/people.csv --target id --missing median --features size",
        "train iris --target 0 --task regression --epochs 1 --device cpu --out DIR/run",
        "train DIR/people.csv --no-header --missing drop --separator ; --target -1 --encode index --categorical 0,2 --epochs 1 --device cpu --out "
            + "DIR/run",
        "train DIR/people.csv --header --missing drop --target kind --categorical id --encode index --epochs 1 --device cpu "
            + "--out DIR/run --validation 0.3"})
    void everyCommandReadsTheSameSources(String command) {
        Run run = run(command);
        assertEquals(0, run.exitCode(), run.err());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "DIR/people.csv | people.csv:9, column 'size': the cell is empty",
        "DIR/people.csv --target gone | people.csv has no column 'gone'; it has [id, colour, size, kind]",
        "DIR/people.csv --missing drop --task regression | column 'kind': 'good' is not a finite number",
        "DIR/people.csv --missing drop --encode none | column 'colour'",
        "DIR/people.csv --missing sometimes | sometimes",
        "DIR/people.csv --separator ;; | --separator ;;: write one character",
        "DIR/people.csv --validation 0.7 --test 0.4 | leave nothing to train on",
        "digits --data-memory much | --data-memory much: write a number of bytes",
        "digits --data-memory 0 | at least 1 byte",
        "DIR/people.csv --validation 0 | a share is above 0",
        "DIR/gone.csv | there is no file",
        "DIR | holds none of the IDX files",
        "DIR/people.xls | is neither a built-in data set nor a file or folder; a source is a built-in data set",
        "digits --target 64 --task regression --missing error --categorical p00x | no column 'p00x'"})
    void badDataIsOneLine(String options, String message) {
        Run run = train(options);
        assertEquals(2, run.exitCode(), run.out() + run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().startsWith("talweg: ") && run.err().contains(message), run.err());
        assertFalse(Files.exists(folder.resolve("run")));
    }
}
