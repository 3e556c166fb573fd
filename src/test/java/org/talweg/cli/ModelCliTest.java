package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.cli.Run.succeeds;
import static org.talweg.cli.Run.talweg;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
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

/** What becomes of a trained model: evaluated, asked, exported, and started from. */
class ModelCliTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String COLOURS = "size,colour,kind\n1,red,a\n2,blue,b\n3,red,a\n4,green,b\n";

    @TempDir
    private Path folder;

    private Path at(String name) {
        return folder.resolve(name);
    }

    private Run train(String options) {
        return succeeds("train " + options + " --device cpu --no-report --json --out " + at("run"));
    }

    @Test
    void evaluationGivesTheFiguresOfTraining() throws IOException {
        String[] lines = train("iris --hidden 8 --epochs 5 --metrics f1").out().strip().split("\n");
        JsonNode trained = JSON.readTree(lines[lines.length - 1]);
        JsonNode again = JSON.readTree(succeeds("evaluate " + at("run") + " --metrics f1 --device cpu --json").out());
        for (String name : List.of("loss", "accuracy", "f1")) {
            assertEquals(trained.get("test_" + name).asDouble(), again.get(name).asDouble(), name);
        }
        assertEquals(22, again.get("rows").asInt());
        Run text = succeeds("evaluate " + at("run") + " --rows validation --confusion --device cpu");
        assertTrue(text.out().contains("on 23 rows") && text.out().contains("versicolor"), text.out());
    }

    /** Other rows of the same columns in another order, and of fewer classes and words. */
    @Test
    void anotherSourceIsReadAsTheRunsOwn() throws IOException {
        StringBuilder many = new StringBuilder("size,colour,kind\n");
        IntStream.range(0, 40).forEach(i -> many.append(i % 7).append(',').append(List.of("red", "blue", "green").get(i % 3))
            .append(',').append(i % 3 == 1 ? "b" : "a").append('\n'));
        Files.writeString(at("all.csv"), many);
        train(at("all.csv") + " --hidden 8 --epochs 150 --lr 0.03 --target kind");
        Files.writeString(at("some.csv"), "kind,colour,size\nb,blue,2\nb,blue,6\n");
        JsonNode figures = JSON.readTree(succeeds("evaluate " + at("run") + " " + at("some.csv") + " --device cpu --json").out());
        assertEquals(2, figures.get("rows").asInt());
        assertEquals(1, figures.get("accuracy").asDouble(), "class b by its name, though it is the only one here");
        Files.writeString(at("some.csv"), "kind,colour,size\nb,purple,2\nb,blue,6\n");
        assertEquals("talweg: some.csv:2, column 'colour': 'purple' is none of the words that the column had in training: blue, "
            + "green, red", talweg("evaluate " + at("run") + " " + at("some.csv") + " --device cpu").err().strip());
        Files.writeString(at("some.csv"), "kind,colour,size\nc,red,2\na,blue,6\n");
        assertTrue(talweg("evaluate " + at("run") + " " + at("some.csv")).err().contains("has a class 'c' that the model"));
    }

    /** A word is the number that it was in training, whatever other words there are. */
    @Test
    void numberedWordsKeepTheirNumbers() throws IOException {
        StringBuilder many = new StringBuilder("size,colour,zip,kind\n");
        IntStream.range(0, 60).forEach(i -> many.append(i % 7).append(',').append(List.of("red", "blue", "green").get(i % 3))
            .append(',').append(List.of("30", "4", "100").get(i % 5 % 3)).append(',').append(i % 3 == 1 ? "b" : "a").append('\n'));
        Files.writeString(at("all.csv"), many);
        train(at("all.csv") + " --encode index --categorical zip --hidden 8 --epochs 3 --target kind");
        Files.writeString(at("in.csv"), "kind,zip,colour,size\nb,100.0,green,2\na,4,red,6\nb,30,red,1\n");
        succeeds("predict " + at("run") + " " + at("in.csv") + " --device cpu -o " + at("out.csv"));
        float[][] numbers = {{2, 1, 2}, {6, 2, 0}, {1, 2, 1}};
        List<String> lines = Files.readAllLines(at("out.csv"));
        try (Device device = Devices.open("cpu"); Model model = Model.load(at("run/model.safetensors"), device)) {
            assertEquals(Map.of("colour", List.of("blue", "green", "red"), "zip", List.of("4", "30", "100")),
                model.columns().orElseThrow().categories());
            float[][] logits = model.predict(numbers);
            double loss = 0;
            for (int row = 0; row < numbers.length; row++) {
                double a = 1 / (1 + Math.exp(logits[row][1] - logits[row][0]));
                assertEquals(a, Double.parseDouble(lines.get(row + 1).split(",")[1]), 1e-6, "row " + row);
                loss -= Math.log(row == 1 ? a : 1 - a) / numbers.length;
            }
            JsonNode figures = JSON.readTree(succeeds("evaluate " + at("run") + " " + at("in.csv") + " --device cpu --json").out());
            assertEquals(loss, figures.get("loss").asDouble(), 1e-6);
        }
        Files.writeString(at("in.csv"), "kind,zip,colour,size\na,4,red,6\nb,30,purple,1\n");
        assertEquals("talweg: in.csv, line 3, column colour: 'purple' is none of the words that the column had in training: "
            + "blue, green, red", talweg("predict " + at("run") + " " + at("in.csv") + " --device cpu -o " + at("x.csv")).err()
            .strip());
        Run run = talweg("evaluate " + at("run") + " " + at("in.csv") + " --device cpu");
        assertEquals("2 talweg: in.csv:3, column 'colour': 'purple' is none of the words that the column had in training: blue, "
            + "green, red", run.exitCode() + " " + run.err().strip());
        Files.writeString(at("in.csv"), "kind,zip,colour,size\na,5,red,6\n");
        assertTrue(talweg("evaluate " + at("run") + " " + at("in.csv") + " --device cpu").err()
            .contains("in.csv:2, column 'zip': '5' is none of the words that the column had in training: 4, 30, 100"));
    }

    /** One row says little about what it is: classes are those of training. */
    @Test
    void fewRowsAreReadAsTheRunsOwn() throws IOException {
        train("digits --hidden 8 --epochs 2");
        try (Stream<String> digits = new BufferedReader(new InputStreamReader(new GZIPInputStream(
            Datasets.class.getResourceAsStream("digits.csv.gz")), StandardCharsets.UTF_8)).lines()) {
            Files.write(at("few.csv"), digits.limit(3).toList());
        }
        Run run = succeeds("evaluate " + at("run") + " " + at("few.csv") + " --device cpu");
        assertTrue(run.out().contains("on 2 rows"), run.out());
    }

    @Test
    void predictionsAreTheModelsOwn() throws IOException {
        train("iris --hidden 8 --epochs 5");
        Dataset iris = Datasets.builtIn("iris");
        List<Integer> order = new ArrayList<>(IntStream.range(0, 4).boxed().toList());
        Collections.reverse(order);
        StringBuilder table = new StringBuilder("remark");
        order.forEach(column -> table.append(';').append(iris.featureNames().get(column)));
        for (int row = 0; row < iris.rows(); row++) {
            int at = row;
            table.append("\nrow ").append(row);
            order.forEach(column -> table.append(';').append(iris.features()[at * 4 + column]));
        }
        Files.writeString(at("in.csv"), table);
        Run run = succeeds("predict " + at("run") + " " + at("in.csv") + " --device cpu -o " + at("out.csv"));
        assertEquals("saved   " + at("out.csv") + ": 150 rows", run.out().strip());
        List<String> lines = Files.readAllLines(at("out.csv"));
        assertEquals("species,probability_setosa,probability_versicolor,probability_virginica", lines.get(0));
        assertEquals(151, lines.size());
        try (Device device = Devices.open("cpu"); Model model = Model.load(at("run/model.safetensors"), device)) {
            float[] logits = model.predict(iris.features(), iris.rows());
            for (int row = 0; row < iris.rows(); row++) {
                String[] cells = lines.get(row + 1).split(",");
                double sum = 0;
                int best = 0;
                for (int k = 0; k < 3; k++) {
                    sum += Math.exp(logits[row * 3 + k]);
                    best = logits[row * 3 + k] > logits[row * 3 + best] ? k : best;
                }
                assertEquals(iris.classNames().get(best), cells[0]);
                for (int k = 0; k < 3; k++) {
                    assertEquals(Math.exp(logits[row * 3 + k]) / sum, Double.parseDouble(cells[k + 1]), 1e-6);
                }
            }
        }
        succeeds("predict " + at("run") + " src/main/resources/org/talweg/data/iris.csv --device cpu -o " + at("again.csv"));
        assertEquals(lines, Files.readAllLines(at("again.csv")));
    }

    /** Arrays have no names for their columns; the same numbers as a table give the same answers. */
    @Test
    void arraysAreAskedToo() throws IOException {
        train("digits --hidden 8 --epochs 2");
        Dataset digits = Datasets.builtIn("digits").select(IntStream.range(0, 30).toArray());
        ByteBuffer values = ByteBuffer.allocate(30 * 64 * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        values.asFloatBuffer().put(digits.features());
        String header = "{'descr': '<f4', 'fortran_order': False, 'shape': (30, 8, 8), }";
        Files.write(at("x.npy"), ByteBuffer.allocate(10 + header.length() + values.capacity()).order(ByteOrder.LITTLE_ENDIAN)
            .put((byte) 0x93).put("NUMPY\1\0".getBytes(StandardCharsets.US_ASCII)).putShort((short) header.length())
            .put(header.getBytes(StandardCharsets.US_ASCII)).put(values).array());
        StringBuilder table = new StringBuilder(String.join(",", digits.featureNames()));
        for (int row = 0; row < 30; row++) {
            for (int i = 0; i < 64; i++) {
                table.append(i == 0 ? '\n' : ',').append(digits.features()[row * 64 + i]);
            }
        }
        Files.writeString(at("x.csv"), table);
        for (String kind : List.of("npy", "csv")) {
            succeeds("predict " + at("run") + " " + at("x." + kind) + " --device cpu -o " + at(kind + ".out"));
        }
        assertEquals(31, Files.readAllLines(at("npy.out")).size());
        assertEquals(Files.readString(at("csv.out")), Files.readString(at("npy.out")));
        train("iris --hidden 8 --epochs 1");
        Run run = talweg("predict " + at("run") + " " + at("x.npy") + " --device cpu -o " + at("no.out"));
        assertTrue(run.err().contains("none of them has rows of 4 numbers, which the model takes"), run.err());
        String other = at("run/model.safetensors") + " --device cpu -o " + at("8.out") + " --features ";
        assertEquals("saved   " + at("8.out") + ": 8 rows", succeeds("predict " + at("run") + " " + other + "dense_1.weight").out()
            .strip());
        assertTrue(talweg("predict " + at("run") + " " + other + "dense_2.weight").err().contains("none of them has rows of 4"));
    }

    @Test
    void whatIsWrongWithAFileIsSaid() throws IOException {
        train("iris --hidden 8 --epochs 1");
        assertEquals("talweg: " + at("no.csv") + ": no such file or folder", talweg("predict " + at("run") + " " + at("no.csv")
            + " --device cpu -o " + at("x")).err().strip());
        assertEquals("talweg: " + at("no/x.onnx") + " cannot be written: there is no folder " + at("no"), talweg("export "
            + at("run") + " --onnx " + at("no/x.onnx")).err().strip());
        assertTrue(talweg("train iris --epoch 3").err().contains("'--epoch', '3'; did you mean --epochs? (see "));
        assertTrue(talweg("trian iris").err().contains("did you mean train?"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"binary_cross_entropy", "binary_cross_entropy_probabilities", "hinge", "nll"})
    void everyLossHasItsAnswers(String loss) throws IOException {
        train("breast_cancer --hidden 8 --epochs 3 --loss " + loss);
        Path table = Path.of("src/main/resources/org/talweg/data/breast_cancer.csv");
        succeeds("predict " + at("run") + " " + table + " --device cpu -o " + at("out.csv"));
        List<String> lines = Files.readAllLines(at("out.csv"));
        Dataset data = Datasets.builtIn("breast_cancer");
        assertEquals(data.rows() + 1, lines.size());
        int right = 0;
        for (int row = 0; row < data.rows(); row++) {
            String[] cells = lines.get(row + 1).split(",");
            right += cells[0].equals(data.classNames().get(data.labels()[row])) ? 1 : 0;
            if (!loss.equals("hinge")) {
                assertEquals(1, Double.parseDouble(cells[1]) + Double.parseDouble(cells[2]), 1e-5);
            }
        }
        JsonNode figures = JSON.readTree(succeeds("evaluate " + at("run") + " breast_cancer --device cpu --json").out());
        assertEquals(figures.get("accuracy").asDouble(), right / (double) data.rows(), 1e-9);
        assertTrue(right > 0.6 * data.rows(), right + " right");
    }

    @Test
    void numbersArePredictedUnderTheirName() throws IOException {
        train("diabetes --hidden none --epochs 3");
        succeeds("predict " + at("run") + " src/main/resources/org/talweg/data/diabetes.csv --device cpu -o " + at("out.csv"));
        List<String> lines = Files.readAllLines(at("out.csv"));
        assertEquals(Datasets.builtIn("diabetes").targetNames().get(0), lines.get(0));
        assertTrue(Float.isFinite(Float.parseFloat(lines.get(1))), lines.get(1));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "size;red | has no column for colour=blue, colour=green, colour=red",
        "size,colour;1,red;x,red | line 3, column size: 'x' is no number",
        "size,colour;1,purple | line 2, column colour: 'purple' is none of the words that the column had in training: blue, green, red",
        "size,colour;1 | line 2 has 1 cells, where the first has 2",
        "size,colour;1, | line 2, column colour: '' is missing",
        "size,colour | has no rows"})
    void aTableThatDoesNotFitIsRefused(String text, String part) throws IOException {
        Files.writeString(at("train.csv"), COLOURS.replaceFirst("\n", "\n" + "9,blue,a\n8,red,b\n".repeat(12)));
        train(at("train.csv") + " --hidden 2 --epochs 1 --target kind");
        Files.writeString(at("in.csv"), text.replace(";", "\n"));
        Run run = talweg("predict " + at("run") + " " + at("in.csv") + " --device cpu -o " + at("out.csv"));
        assertEquals(2, run.exitCode(), run.out());
        assertTrue(run.err().contains(part) && run.err().contains(at("in.csv").getFileName().toString()), run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertFalse(Files.exists(at("out.csv")), "half a file");
    }

    @Test
    void anExportedModelIsTheSame() throws IOException, OrtException {
        train("iris --hidden 8,8 --residual --norm batch --activation mish --epochs 2 --scale standard");
        succeeds("export " + at("run") + " --onnx " + at("m.onnx") + " --safetensors " + at("m.safetensors"));
        assertArrayEquals(Files.readAllBytes(at("run/model.safetensors")), Files.readAllBytes(at("m.safetensors")));
        Dataset iris = Datasets.builtIn("iris");
        float[][] rows = new float[iris.rows()][4];
        for (int row = 0; row < rows.length; row++) {
            System.arraycopy(iris.features(), row * 4, rows[row], 0, 4);
        }
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (Device device = Devices.open("cpu"); Model model = Model.load(at("m.safetensors"), device);
            OrtSession session = environment.createSession(at("m.onnx").toString());
            OnnxTensor input = OnnxTensor.createTensor(environment, rows);
            OrtSession.Result result = session.run(Map.of("input", input))) {
            float[][] expected = model.predict(rows);
            float[][] actual = (float[][]) result.get(0).getValue();
            for (int row = 0; row < rows.length; row++) {
                for (int k = 0; k < expected[row].length; k++) {
                    assertEquals(expected[row][k], actual[row][k], 1e-5 * Math.max(1, Math.abs(expected[row][k])), "row " + row);
                }
            }
        }
        assertTrue(talweg("export " + at("run")).err().contains("name a file with --onnx or --safetensors"));
        assertTrue(talweg("export " + at("nowhere") + " --onnx x").err().contains("is no folder"));
    }

    /** From where another run ended, with a rate of 0: to stay there. */
    @Test
    void weightsComeByName() throws IOException {
        train("iris --hidden 8 --epochs 3 --keep last");
        byte[] first = Files.readAllBytes(at("run/model.safetensors"));
        Path weights = Files.write(at("w.safetensors"), first);
        train("iris --hidden 8 --epochs 1 --optimizer sgd:lr=0 --weights " + weights);
        assertArrayEquals(first, Files.readAllBytes(at("run/model.safetensors")));
        Run other = talweg("train iris --hidden 9 --device cpu --weights " + weights + " --out " + at("other"));
        assertEquals(2, other.exitCode());
        assertTrue(other.err().contains("w.safetensors: tensor dense_1.weight has shape [8×4], expected [9×4]"), other.err());
        assertTrue(talweg("train iris --hidden 8,8 --device cpu --weights " + weights + " --out " + at("other")).err()
            .contains("holds the tensors [dense_1.weight, "));
    }
}
