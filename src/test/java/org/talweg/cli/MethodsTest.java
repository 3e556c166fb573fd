package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Member;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.talweg.data.Scaler;
import org.talweg.nn.Losses;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizers;
import org.talweg.optim.Schedules;
import org.talweg.train.Metrics;
import org.talweg.train.Stop;

/** Library, command line and docs/methods.md have the same methods. */
class MethodsTest {
    private static final List<String> PACKAGES = List.of("optim", "nn", "train", "data", "analysis", "analysis.plot", "ops",
        "tape");
    /** No methods. */
    private static final Set<String> NEITHER = Set.of("none", "auto");

    private static Set<String> commandLine(String option) {
        StringWriter out = new StringWriter();
        assertEquals(0, Main.run(new PrintWriter(out, true), new PrintWriter(out, true), "methods", option));
        return out.toString().lines().skip(1).map(line -> line.strip().split("[ :]")[0])
            .filter(name -> !NEITHER.contains(name)).collect(Collectors.toCollection(TreeSet::new));
    }

    private static List<String> section(String title) throws IOException {
        List<String> lines = Files.readAllLines(Path.of("docs/methods.md"));
        int first = lines.indexOf("## " + title);
        assertTrue(first >= 0, "no section " + title);
        return lines.subList(first + 1, lines.size()).stream().takeWhile(line -> !line.startsWith("## ")).toList();
    }

    /** A cell may hold a stroke that is escaped, and does not end it. */
    private static List<String> cells(String row) {
        return Arrays.stream(row.split("(?<!\\\\)\\|", -1)).map(String::strip).toList();
    }

    @ParameterizedTest
    @CsvSource({"optimizer, Optimizers", "clip, Clipping", "schedule, Schedules", "activation, Activations", "norm, Layers",
        "init, Initialisers", "loss, Losses", "stop, Stopping criteria", "metrics, Metrics", "scale, Feature scaling"})
    void whatCanBeChosenIsDescribed(String option, String title) throws IOException {
        Set<String> described = new TreeSet<>();
        for (String row : section(title).stream().filter(line -> line.startsWith("|")).toList()) {
            List<String> cells = cells(row);
            Matcher name = Pattern.compile("`(?:--" + option + " )?([a-z0-9_]+)[`:]").matcher(cells.get(cells.size() - 2));
            while (name.find()) {
                described.add(name.group(1));
            }
        }
        assertEquals(commandLine(option), described, "--" + option + " and docs/methods.md");
    }

    /** Factories under their names on the command line. */
    @Test
    void whatTheLibraryHasCanBeChosen() {
        expectSame("optimizer", factories(Optimizers.class, Map.of()));
        expectSame("schedule", factories(Schedules.class, Map.of("exponentialTo", "sweep", "reduceOnPlateau", "plateau")));
        expectSame("loss", factories(Losses.class, Map.of("binaryCrossEntropyWithLogits", "binary_cross_entropy",
            "binaryCrossEntropyOnProbabilities", "binary_cross_entropy_probabilities")));
        expectSame("clip", factories(Clip.class, Map.of("byGlobalNorm", "global", "byParameterNorm", "norm", "byValue",
            "value")));
        expectSame("scale", factories(Scaler.class, Map.of("of", "none")));
        expectSame("metrics", factories(Metrics.class, Map.of("rocAuc", "auc", "rSquared", "r2", "higherIsBetter", "none")));
        expectSame("stop", factories(Stop.class, Map.of("afterEpochs", "epochs", "afterSteps", "steps", "after", "time",
            "onNonFinite", "non_finite", "anyOf", "none", "allOf", "none", "perEpoch", "none")));
    }

    private static void expectSame(String option, Set<String> names) {
        assertEquals(plain(names), plain(commandLine(option)), "--" + option + " and the library");
    }

    private static Set<String> plain(Collection<String> names) {
        return names.stream().filter(name -> !NEITHER.contains(name))
            .map(name -> name.replace("_", "").toLowerCase(Locale.ROOT)).collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> factories(Class<?> type, Map<String, String> others) {
        return Arrays.stream(type.getMethods())
            .filter(m -> Modifier.isStatic(m.getModifiers())).map(m -> others.getOrDefault(m.getName(), m.getName()))
            .collect(Collectors.toCollection(TreeSet::new));
    }

    /** In the columns that name classes: {@code Clip.byValue}, {@code Adam}, {@code Direction.Normalization.FILTER}. */
    @Test
    void theClassesThatAreNamedExist() throws IOException {
        List<String> unknown = new ArrayList<>();
        int column = -1;
        int count = 0;
        for (String line : Files.readAllLines(Path.of("docs/methods.md"))) {
            List<String> cells = cells(line);
            column = !line.startsWith("|") ? -1 : cells.contains("class") ? cells.indexOf("class") : column;
            Matcher name = Pattern.compile("`(?:[a-z]+\\.)?([A-Z]\\w*(?:\\.\\w+)*)").matcher(
                column < 0 ? "" : cells.get(column));
            while (name.find()) {
                count++;
                if (!exists(name.group(1).split("\\."))) {
                    unknown.add(name.group(1));
                }
            }
        }
        assertEquals(List.of(), unknown);
        assertTrue(count > 80, count + " names");
    }

    /** A class of ours, or a member of it or of a class inside. */
    private static boolean exists(String... parts) {
        return PACKAGES.stream().anyMatch(in -> {
            try {
                Class<?> type = Class.forName("org.talweg." + in + "." + parts[0]);
                for (int i = 1; i < parts.length - 1; i++) {
                    type = Class.forName(type.getName() + "$" + parts[i]);
                }
                return parts.length == 1 || Stream.<Member[]>of(type.getMethods(), type.getFields()).flatMap(Arrays::stream)
                    .anyMatch(member -> member.getName().equals(parts[parts.length - 1]));
            } catch (ClassNotFoundException e) {
                return false;
            }
        });
    }
}
