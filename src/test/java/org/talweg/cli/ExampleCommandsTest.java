package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Every command in the README and in the commands' own help works, run as it stands in a folder of its own. */
class ExampleCommandsTest {
    private static final Pattern COMMAND = Pattern.compile("\\./talweg( [^`|\\n]+)");
    /** What the README leaves to the reader. */
    private static final Map<String, String> PLACES = Map.of("RUN", "runs/a");
    /** What the examples find in the folder where they are run. */
    private static final List<String> BEFORE = List.of(
        "train iris --hidden 16 --epochs 3 --trajectory 2 --out runs/a",
        "train iris --hidden 16 --epochs 3 --seed 7 --out runs/b");

    @TempDir
    private Path folder;

    private static Set<String> inHelp() {
        Set<String> commands = new LinkedHashSet<>();
        new CommandLine(new Main()).getSubcommands().forEach((name, command) -> {
            Set<String> own = commands(String.join("\n", command.getCommandSpec().usageMessage().footer()));
            assertTrue(own.stream().anyMatch(line -> line.startsWith(name)), "the help of " + name + " has an example");
            commands.addAll(own);
        });
        return commands;
    }

    private static Set<String> commands(String text) {
        Set<String> commands = new LinkedHashSet<>();
        Matcher matcher = COMMAND.matcher(text);
        while (matcher.find()) {
            String command = matcher.group(1).strip();
            for (Map.Entry<String, String> place : PLACES.entrySet()) {
                command = command.replaceAll("\\b" + place.getKey() + "\\b", place.getValue());
            }
            commands.add(command);
        }
        return commands;
    }

    @Test
    void theyRun() throws IOException, InterruptedException {
        Set<String> commands = new LinkedHashSet<>(BEFORE);
        commands.addAll(inHelp());
        commands.addAll(commands(Files.readString(Path.of("README.md"))));
        assertFalse(commands.isEmpty());
        for (String command : commands) {
            for (String word : command.split(" +")) {
                if (Files.isRegularFile(Path.of(word))) {
                    Files.createDirectories(folder.resolve(word).getParent());
                    Files.copy(Path.of(word), folder.resolve(word), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }

        writeImages(folder.resolve("usr/share/datasets/fashion-mnist"));

        List<String> java = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp", System.getProperty("java.class.path"), InOneProcess.class.getName()));
        java.addAll(commands);
        Process process = new ProcessBuilder(java).directory(folder.toFile()).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(10, TimeUnit.MINUTES), "an example hangs");
        assertEquals(0, process.exitValue(), output);
    }

    /** A handful of images in files like those of Fashion-MNIST. */
    private static void writeImages(Path where) throws IOException {
        Files.createDirectories(where);
        for (String part : List.of("train", "t10k")) {
            ByteBuffer images = ByteBuffer.allocate(16 + 300 * 64).putInt(0x803).putInt(300).putInt(8).putInt(8);
            ByteBuffer labels = ByteBuffer.allocate(8 + 300).putInt(0x801).putInt(300);
            for (int i = 0; i < 300; i++) {
                images.position(16 + i * 64 + i % 10).put((byte) 200);
                labels.put((byte) (i % 10));
            }
            Files.write(where.resolve(part + "-images-idx3-ubyte"), images.array());
            Files.write(where.resolve(part + "-labels-idx1-ubyte"), labels.array());
        }
    }

    /** Runs each of its arguments as a command line, up to the first that fails. */
    static final class InOneProcess {
        private InOneProcess() {
        }

        public static void main(String[] commands) {
            PrintWriter out = new PrintWriter(System.out, true);
            for (String command : commands) {
                out.println("$ ./talweg " + command);
                if (Main.run(out, out, command.split(" +")) != 0) {
                    System.exit(1);
                }
            }
            System.exit(0);
        }
    }
}
