package org.talweg;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README shows works: its example is run as it stands, its commands and links exist. */
class ReadmeTest {
    private static final Pattern BLOCK = Pattern.compile("```(\\w*)\\n(.*?)```", Pattern.DOTALL);
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)\\)");

    @TempDir
    private Path folder;

    private static String readme() throws IOException {
        return Files.readString(Path.of("README.md"));
    }

    private static List<String> blocks(String language) throws IOException {
        List<String> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(readme());
        while (matcher.find()) {
            if (matcher.group(1).equals(language)) {
                blocks.add(matcher.group(2));
            }
        }
        return blocks;
    }

    @Test
    void theExampleRunsAsItStands() throws IOException, InterruptedException {
        List<String> examples = blocks("java");
        assertEquals(1, examples.size());
        Path source = Files.writeString(folder.resolve("Digits.java"), examples.get(0));
        Process java = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp", System.getProperty("java.class.path"), source.toString()).redirectErrorStream(true).start();
        String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(java.waitFor(5, TimeUnit.MINUTES), "the example hangs");
        assertEquals(0, java.exitValue(), output);
        assertTrue(output.contains("val_accuracy 0.9"), output);
    }

    @Test
    void ciRunsTheTestCommandAndNothingElse() throws IOException {
        String command = "mvn -B -ntp verify";
        assertTrue(blocks("").stream().anyMatch(block -> block.strip().equals(command)), "README's test command");
        assertTrue(Files.readString(Path.of(".ci/run")).lines().anyMatch(line -> line.equals("exec " + command)));
    }

    @Test
    void everyLinkLeadsSomewhere() throws IOException {
        Matcher links = LINK.matcher(readme());
        while (links.find()) {
            assertTrue(Files.exists(Path.of(links.group(1))), links.group(1));
        }
    }
}
