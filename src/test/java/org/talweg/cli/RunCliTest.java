package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.talweg.cli.Run.succeeds;
import static org.talweg.cli.Run.talweg;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;

/** Folders of runs: what they hold, how a run is repeated from one, and how it goes on. */
class RunCliTest {
    @TempDir
    private Path folder;

    private Path at(String name) {
        return folder.resolve(name);
    }

    /** But for speeds. */
    private static List<String> metrics(Path run) throws IOException {
        return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
            .map(line -> line.replaceAll(",\"samples_per_second\":[^,}]*", "")).toList();
    }

    private static void assertSameRun(Path expected, Path actual) throws IOException {
        assertEquals(metrics(expected), metrics(actual));
        for (String file : List.of("model.safetensors", "checkpoints/best.safetensors")) {
            assertArrayEquals(Files.readAllBytes(expected.resolve(file)), Files.readAllBytes(actual.resolve(file)), file);
        }
    }

    @Test
    void aRunIsRepeatedFromItsFolder() throws IOException {
        succeeds("train iris --device cpu --epochs 3 --hidden 8,8 --residual --norm batch --schedule warmup:for=3 "
            + "--schedule cosine --stop steps:11 --metrics f1,auc --clip 1 --lr 0.01 --out " + at("a"));
        Run again = succeeds("train --config " + at("a/run.yaml") + " --quiet --out " + at("b"));
        assertEquals("", again.out());
        assertSameRun(at("a"), at("b"));
        assertEquals(Files.readAllLines(at("a/run.yaml")).stream().skip(1).toList(),
            Files.readAllLines(at("b/run.yaml")).stream().skip(1).toList());
        succeeds("train --config " + at("a/run.yaml") + " --lr 0.02 --schedule constant --out " + at("c"));
        List<String> changed = Files.readAllLines(at("c/run.yaml"));
        assertTrue(changed.contains("lr: 0.02") && changed.contains("- constant") && !changed.contains("- cosine"),
            "the command line overrides: " + changed);
        String log = Files.readString(at("b/log.txt"));
        assertTrue(log.contains("epoch 3/3") && log.contains("ended   11 steps done"), log);
    }

    @Test
    void jsonWillDo() throws IOException {
        Files.writeString(at("run.json"), """
            {
              "source": "iris",
              "device": "cpu", "epochs": 2,
              "hidden": [8, 8],
              "residual": true,
              "per_epoch": false,
              "metrics": ["f1", "auc"]
            }
            """);
        Files.writeString(at("run.yaml"), """
            # the same
            source: iris
            device: cpu
            epochs: 2
            hidden: 8,8
            residual: yes
            metrics:
              - f1
              - auc
            """);
        succeeds("train --config " + at("run.json") + " --out " + at("a"));
        succeeds("train --config=" + at("run.yaml") + " --out " + at("b"));
        assertSameRun(at("a"), at("b"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', ignoreLeadingAndTrailingWhitespace = true, value = {
        "source: iris;epoch: 3 | :2:1: there is no setting 'epoch'; there are ",
        "source: iris;epochs: many | :2:1: 'epochs' is 'many'; it must be a number",
        "source: iris;epochs: 3;epochs: 4 | :3:1: 'epochs' stands in line 2 already",
        "source: iris;residual: perhaps | :2:1: 'residual' is 'perhaps'; it must be true or false",
        "source: iris;precision: float8 | :2:1: 'precision' is 'float8'; it must be one of [float32, ",
        "source: iris;products: mkl | :2:1: 'products' is 'mkl'; it must be one of [talweg, ",
        "source: iris;autotune: sometimes | :2:1: 'autotune' is 'sometimes'; it must be one of [on, off]",
        "source: iris;optimizer: {name: adam} | :2:12: 'optimizer' has no value that an option could have",
        "source: iris;lr: | :2:",
        "source: iris; epochs: [3 | :",
        "source: &x iris;loss: *x | 'loss' has no value that an option could have",
        "- iris | :1:1: keys and values are expected",
        "source: iris;---;source: iris | here begins another",
        "epochs: 3 | Missing required parameter: 'SOURCE'",
        "source: iris;optimizer: adam:lr=fast | lr is 'fast'; it must be a number"})
    void aMistakeInAFileIsNamedWithItsPlace(String text, String part) throws IOException {
        Files.writeString(at("run.yaml"), text.replace(";", "\n"));
        Run run = talweg("train --device cpu --config " + at("run.yaml") + " --out " + at("out"));
        assertEquals(2, run.exitCode(), run.out());
        assertTrue(run.err().startsWith("talweg: ") && run.err().contains(part), run.err());
        assertEquals(1, run.err().lines().count(), run.err());
        assertFalse(Files.exists(at("out")));
    }

    @Test
    void whatIsNoRunOrNoFileIsSaid() throws IOException {
        Files.createDirectory(at("empty"));
        for (String[] wrong : new String[][] {{"resume " + at("nowhere"), "is no folder"},
            {"resume " + at("empty"), "holds no run.yaml"}, {"train --config " + at("nothing.yaml"), "no such file"},
            {"train iris --device cpu --checkpoint often --out " + at("x"), "write how often, as 30s"},
            {"train iris --device cpu --products cublas --out " + at("x"), "cuBLAS runs on nothing else; open cuda"},
            {"train iris --device cpu --autotune on --out " + at("x"), "device cpu has no tiles to choose"},
            {"train iris --quiet --json", "mutually exclusive"}}) {
            Run run = talweg(wrong[0]);
            assertEquals(2, run.exitCode(), wrong[0]);
            assertTrue(run.err().contains(wrong[1]), run.err());
            assertEquals(1, run.err().lines().count(), run.err());
        }
    }

    @OnEveryDevice
    void lbfgsGoesOnWithItsHistory(TestDevice on) throws IOException {
        on.device();
        String options = "train iris --hidden 8 --optimizer lbfgs:history=3 --trajectory 1 --device " + on;
        expectLongerLikeThrough(options, 4, 7, "going on after step 4, in epoch 5");
    }

    /** A run that is made longer, against one that had the length from the start. */
    private void expectLongerLikeThrough(String options, int epochs, int longer, String said) throws IOException {
        succeeds(options + " --epochs " + longer + " --out " + at("through"));
        succeeds(options + " --epochs " + epochs + " --out " + at("longer"));
        Run resumed = succeeds("resume " + at("longer") + " --epochs " + longer);
        assertTrue(resumed.out().contains(said), resumed.out());
        assertSameRun(at("through"), at("longer"));
        assertArrayEquals(Files.readAllBytes(at("through/trajectory.safetensors")),
            Files.readAllBytes(at("longer/trajectory.safetensors")));
    }

    /** What a person would not expect of a cosine is said in one line, and not where there is nothing to say. */
    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {"cosine, 4, 8, true", "cosine, 4, -, false", "cosine:over=4, 4, 8, false",
        "constant, 4, 8, false", "step:size=3, 4, 8, false", "plateau:patience=1, 4, 8, false", "one_cycle, 4, 8, true",
        "linear, 4, 8, true", "linear:over=9, 4, 8, false"})
    void aScheduleThatFollowsTheLengthTakesTheNewOne(String schedule, int epochs, Integer longer, boolean said)
        throws IOException {
        String options = "train iris --device cpu --hidden 8 --no-report --schedule " + schedule + " --epochs ";
        succeeds(options + epochs + " --out " + at("run"));
        PrintStream before = System.err;
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        try {
            succeeds("resume " + at("run") + (longer == null ? "" : " --epochs " + longer));
        } finally {
            System.setErr(before);
        }
        String text = err.toString(StandardCharsets.UTF_8);
        assertEquals(said ? 1 : 0, text.lines().count(), text);
        assertTrue(!said || text.contains("the run was to have 16 steps and now has 32; the schedule"), text);
        if (longer != null) {
            succeeds(options + longer + " --out " + at("through"));
            assertEquals(!said, metrics(at("through")).equals(metrics(at("run"))), "is it the run of that length?");
            assertEquals(metrics(at("through")).get(7).replaceAll(".*\"learning_rate\":([^,}]*).*", "$1"),
                metrics(at("run")).get(7).replaceAll(".*\"learning_rate\":([^,}]*).*", "$1"), "the rate in the end");
        }
    }

    @OnEveryDevice
    void aFinishedRunIsMadeLonger(TestDevice on) throws IOException {
        on.device();
        String options = "train iris --hidden 8 --schedule constant --dropout 0.1 --trajectory 3 --device " + on;
        expectLongerLikeThrough(options, 2, 6, "going on after step 8, in epoch 3");
        assertTrue(Files.readAllLines(at("longer/run.yaml")).contains("epochs: 6"), "the run is longer now");
        Run fewer = talweg("resume " + at("longer") + " --epochs 3");
        assertEquals("2 talweg: --epochs 3: " + at("longer") + " has 6 already; give more, or leave it out", fewer.exitCode()
            + " " + fewer.err().strip());
        Run nothing = succeeds("resume " + at("longer"));
        assertTrue(nothing.out().contains("ended   all 6 epochs done"), nothing.out());
        assertSameRun(at("through"), at("longer"));
        try (Stream<Path> events = Files.list(at("longer"))) {
            assertEquals(1, events.filter(file -> file.toString().contains("tfevents")).count());
        }
    }

    /** Each fold is a run like any other, with rows of its own. */
    @Test
    void aFoldIsARunOfItsOwn() throws IOException {
        succeeds("train iris --device cpu --hidden 8 --epochs 3 --folds 3 --out " + at("cv"));
        succeeds("train --config " + at("cv/fold-2/run.yaml") + " --out " + at("alone"));
        assertSameRun(at("cv/fold-2"), at("alone"));
        assertTrue(Files.readString(at("cv/fold-2/log.txt")).contains("epoch 3/3"), "each has its log");
        assertTrue(succeeds("resume " + at("cv/fold-2") + " --epochs 4").out().contains("going on after step"), "resume");
        assertTrue(talweg("train iris --fold 1").err().contains("--fold 1: it is one of the --folds"), "which folds?");
    }

    @Test
    void aNewRunLeavesNothingOfTheOneBefore() throws IOException {
        succeeds("train iris --device cpu --hidden 8 --epochs 4 --trajectory 2 --checkpoint 1step --out " + at("a"));
        Files.writeString(Files.createDirectories(at("a/landscape")).resolve("line.svg"), "<svg>of the first model</svg>");
        succeeds("train iris --device cpu --hidden 9 --epochs 2 --checkpoint 1step --out " + at("a"));
        assertFalse(Files.exists(at("a/landscape/line.svg")));
        assertFalse(Files.exists(at("a/trajectory.safetensors")));
        assertEquals(2, metrics(at("a")).size());
        assertTrue(succeeds("resume " + at("a") + " --epochs 3").out().contains("going on after step 8"), "the newer run");
        succeeds("diagnose " + at("a") + " --device cpu");
        succeeds("train iris --device cpu --hidden 8 --epochs 2 --checkpoint none --out " + at("a"));
        try (Stream<Path> old = Files.list(at("a/checkpoints"))) {
            assertEquals(0, old.count(), "checkpoints of another run, to go on from by mistake");
        }
    }
}
