package org.talweg;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The floors of docs/architecture.md: a package imports only what stands below it. */
class FloorsTest {
    private static final Path SOURCES = Path.of("src/main/java/org/talweg");
    private static final Pattern IMPORT = Pattern.compile("^import (?:static )?org\\.talweg\\.(\\w+)\\.", Pattern.MULTILINE);

    /** What each package may import, of ours. */
    private static final Map<String, Set<String>> BELOW = Map.ofEntries(
        Map.entry("tensor", Set.of()),
        Map.entry("files", Set.of()),
        Map.entry("data", Set.of("tensor", "files")),
        Map.entry("ops", Set.of("tensor")),
        Map.entry("reference", Set.of("tensor", "ops")),
        Map.entry("cpu", Set.of("tensor", "files", "ops")),
        Map.entry("cuda", Set.of("tensor", "files", "ops")),
        Map.entry("tape", Set.of("tensor", "ops")),
        Map.entry("nn", Set.of("tensor", "files", "data", "ops", "tape")),
        Map.entry("optim", Set.of("tensor", "ops", "tape")),
        Map.entry("train", Set.of("tensor", "files", "ops", "tape", "nn", "optim", "data")),
        Map.entry("analysis", Set.of("tensor", "files", "ops", "tape", "nn", "optim", "data", "train", "reference")),
        Map.entry("report", Set.of("tensor", "files", "data", "train", "analysis")),
        Map.entry("cli", Set.of("tensor", "files", "ops", "tape", "nn", "optim", "data", "train", "analysis", "report",
            "reference", "cpu", "cuda")));

    @Test
    void importsPointDown() throws IOException {
        List<String> wrong = new ArrayList<>();
        try (Stream<Path> files = Files.walk(SOURCES)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
                String floor = SOURCES.relativize(file).getName(0).toString();
                Set<String> allowed = BELOW.get(floor);
                assertTrue(allowed != null, "package " + floor + " has no floor; add it here and to "
                    + "docs/architecture.md");
                String text = Files.readString(file);
                Matcher imports = IMPORT.matcher(text);
                while (imports.find()) {
                    if (!imports.group(1).equals(floor) && !allowed.contains(imports.group(1))) {
                        wrong.add(file + " imports " + imports.group(1));
                    }
                }
                if (text.contains("import jcuda.") && !floor.equals("cuda")) {
                    wrong.add(file + " imports jcuda");
                }
            }
        }
        assertTrue(wrong.isEmpty(), String.join("\n", wrong));
    }
}
