package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The commands that look at models instead of training them. */
class AnalysisCliTest {
    private static Run talweg(String... args) {
        return Run.of(args);
    }

    @TempDir
    private Path folder;

    private Run train(String name, String command) {
        return talweg(("train " + command + " --device cpu --out " + folder.resolve(name)).split(" "));
    }

    private Run landscape(String name, String options) {
        return talweg(("landscape " + folder.resolve(name) + " --device cpu " + options).strip().split(" +"));
    }

    @Test
    void landscapesOfARun() throws IOException {
        Run run = train("a", "iris --epochs 4 --batch 16 --hidden 8 --keep last --trajectory 2 --json");
        assertEquals(0, run.exitCode(), run.err());
        train("b", "iris --epochs 2 --hidden 8 --seed 7");
        run = landscape("a", "--grid 5x4 --out " + folder.resolve("plane"));
        assertEquals(0, run.exitCode(), run.err());
        for (String file : List.of("contour.png", "contour.svg", "surface.png", "surface.svg", "landscape.csv")) {
            assertTrue(run.out().contains(file) && Files.size(folder.resolve("plane").resolve(file)) > 300, run.out());
        }
        List<String> table = Files.readAllLines(folder.resolve("plane/landscape.csv"));
        assertEquals("alpha,beta,loss", table.get(0));
        assertEquals(21, table.size());

        run = landscape("a", "--method pca --grid 6");
        assertEquals(0, run.exitCode(), run.err());
        List<String> path = Files.readAllLines(folder.resolve("a/landscape/trajectory.csv"));
        // 105 rows make 7 steps an epoch: 28 steps, a point every second, and the start.
        assertEquals(1 + 15, path.size(), path.toString());
        assertTrue(Files.readString(folder.resolve("a/landscape/contour.svg")).contains("principal component 2"));
        assertTrue(path.get(15).startsWith("0.0,0.0,") || path.get(15).startsWith("-0.0,"), path.get(15));

        run = landscape("a", "--method line --grid 5 --range -0.5,0.5 --rows validation --normalise layer --biases");
        assertEquals(0, run.exitCode(), run.err());
        table = Files.readAllLines(folder.resolve("a/landscape/landscape.csv"));
        assertEquals(6, table.size());
        assertTrue(table.get(1).startsWith("-0.5,") && table.get(5).startsWith("0.5,"), table.toString());

        run = landscape("a", "--method interpolate --grid 5 --range 0,1 --to " + folder.resolve("b"));
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(Files.size(folder.resolve("a/landscape/line.png")) > 1000);
    }

    /** The centre of the grid is the loss that training reported for the same rows. */
    @Test
    void theCentreIsTheReportedLoss() throws IOException {
        Run run = train("a", "iris --epochs 3 --hidden 8 --keep last --json");
        JsonNode last = new ObjectMapper().readTree(run.out().lines().reduce((x, y) -> y).orElseThrow());
        run = landscape("a", "--grid 3 --rows test");
        assertEquals(0, run.exitCode(), run.err());
        String centre = Files.readAllLines(folder.resolve("a/landscape/landscape.csv")).get(5);
        assertTrue(centre.startsWith("0.0,0.0,"), centre);
        assertEquals(last.get("test_loss").asDouble(), Double.parseDouble(centre.substring(8)), 1e-9);
    }

    @Test
    void diagnosisOfARun() {
        train("a", "iris --epochs 3 --hidden 8");
        Run run = talweg("diagnose", folder.resolve("a").toString(), "--device", "cpu", "--tolerance", "10");
        assertEquals(0, run.exitCode(), run.err());
        for (String part : List.of("dense_1", "healthy", "gradients agree", "the model stands at", "curvature from")) {
            assertTrue(run.out().contains(part), part + " in\n" + run.out());
        }
        run = talweg("diagnose", folder.resolve("a").toString(), "--device", "cpu", "--tolerance", "1e-9");
        assertTrue(run.out().contains("a slope"), run.out());
    }

    /** The report is the same whether training made it or the command, and takes in the landscape. */
    @Test
    void aReportOfARun() throws IOException {
        Run run = train("a", "diabetes --epochs 3 --hidden 8 --metrics mae");
        assertEquals(0, run.exitCode(), run.err());
        Path page = folder.resolve("a/report.html");
        assertTrue(run.out().contains("report  " + page), run.out());
        String first = Files.readString(page);
        for (String part : List.of("Test predictions are off by", "Epoch kept", "dense_2", "Worst examples", "bmi",
            "blood_pressure", "data sha256", "minmax", "Test mae")) {
            assertTrue(first.contains(part), part + " in\n" + first);
        }
        Files.writeString(page, "old");
        run = talweg("report", folder.resolve("a").toString(), "--device", "cpu");
        assertEquals(0, run.exitCode(), run.err());
        assertEquals(first, Files.readString(page));
        landscape("a", "--grid 4");
        talweg("report", folder.resolve("a").toString(), "--device", "cpu");
        assertTrue(Files.readString(page).contains("data:image/svg+xml"));
        Files.delete(folder.resolve("a/gradients.jsonl"));
        Files.delete(folder.resolve("a/result.json"));
        Files.delete(folder.resolve("a/metrics.jsonl"));
        run = talweg("report", folder.resolve("a").toString(), "--device", "cpu");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(Files.readString(page).contains("No epoch was finished"));
    }

    @Test
    void aReportCanBeLeftOut() {
        Run run = train("a", "iris --epochs 1 --no-report");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(Files.exists(folder.resolve("a/model.safetensors")) && Files.notExists(folder.resolve("a/report.html"))
            && Files.notExists(folder.resolve("a/gradients.jsonl")), run.out());
        run = train("a", "iris --epochs 1 --json");
        assertTrue(Files.exists(folder.resolve("a/report.html")));
        assertTrue(run.out().lines().reduce((x, y) -> y).orElseThrow().contains("stop_reason"), run.out());
    }

    @Test
    void trainingIsDiagnosedOnTheWay() throws IOException {
        Run run = train("deep", "iris --epochs 2 --activation sigmoid --hidden 8,8,8,8,8,8,8,8,8,8,8,8 --diagnose 4");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().contains("gradients  gradients vanish"), run.out());
        run = train("deep", "iris --epochs 1 --diagnose 2 --json");
        JsonNode look = new ObjectMapper().readTree(run.out().lines().filter(line -> line.contains("attenuation")).findFirst()
            .orElseThrow());
        assertEquals(0, look.get("gradients").size(), look.toString());
        assertEquals(3, look.get("layers").size(), look.toString());
    }

    /** A linear model of standardised features has one minimum, and a stop by the gradient norm is there. */
    @Test
    void aStopByTheGradientNormSaysWhere() {
        String linear = "diabetes --hidden none --scale standard --batch full --optimizer sgd:lr=0.2,momentum=0.8 "
            + "--schedule constant --keep last --epochs 3000 --stop gradient_norm:below=0.5";
        Run run = train("a", linear);
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().contains("stands  at a minimum"), run.out());
        run = train("a", linear + " --json");
        assertTrue(run.out().contains("\"stationary_point\":\"minimum\""), run.out());
    }

    @Test
    void formulaAndDescentStandSideBySide() {
        Run run = talweg("closed-form", "diabetes", "--ridge", "0.1");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().contains("23.2924"), run.out());
        assertEquals(12, run.out().lines().filter(line -> line.matches(".*e[-+]\\d+")).count(), run.out());
        double distance = Double.parseDouble(run.out().replaceAll("(?s).*within (\\S+) of the largest.*", "$1"));
        assertTrue(distance <= 1e-4, run.out());
        assertTrue(talweg("closed-form", "diabetes", "--steps", "5").out().contains("more steps"));
        assertTrue(talweg("closed-form", "diabetes", "--raw", "--steps", "5").out().contains("scaled features"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "RUN --method foo | interpolate",
        "RUN --normalise foo | filter",
        "RUN --grid 1 | points from 2",
        "RUN --grid 5x | points from 2",
        "RUN --grid 5x5 --method line | a number of points",
        "RUN --range 1 | has 1 numbers",
        "RUN --range 1,-1 | first number must be below",
        "RUN --method interpolate | --to",
        "RUN --to RUN | interpolate",
        "RUN --method interpolate --to RUN/x | is no folder",
        "RUN --method pca | --trajectory",
        "RUN --rows foo | validation",
        "RUN --out RUN/model.safetensors | is a file",
        "RUN/nowhere | is no folder",
        "RUN/.. | talweg train"})
    void aLandscapeThatCannotBeDrawnIsOneLine(String options, String part) {
        train("run", "iris --epochs 1 --hidden 4");
        Run run = talweg(("landscape --device cpu " + options.replace("RUN", folder.resolve("run").toString())).split(" "));
        assertEquals(2, run.exitCode(), run.out() + run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().toLowerCase(Locale.ROOT).contains(part), run.err());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "diagnose /nowhere | is no folder",
        "report /nowhere | is no folder",
        "diagnose /nowhere --tolerance 0 | above 0",
        "train iris --trajectory 0 | at least 1",
        "train iris --diagnose 0 | at least 1",
        "closed-form iris | one number",
        "closed-form nothing | digits",
        "closed-form diabetes --ridge -1 | at least 0",
        "closed-form diabetes --steps 0 | at least 1"})
    void badInputIsOneLineThatNamesTheRemedy(String command, String part) {
        Run run = talweg(command.split(" "));
        assertEquals(2, run.exitCode(), run.out() + run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertTrue(run.err().toLowerCase(Locale.ROOT).contains(part), run.err());
    }
}
