package org.talweg;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.talweg.ops.Device;

/** Two clones of one commit build the same jar, wherever they lie. */
class ReproducibleBuildTest {
    private static final Path CLASSES = Path.of("target", "classes");

    @Test
    void nothingThatIsBuiltNamesTheFolderOfTheBuild() throws IOException {
        String folder = Path.of("").toAbsolutePath() + "/";
        try (Stream<Path> files = Files.walk(CLASSES)) {
            List<Path> built = files.filter(Files::isRegularFile).toList();
            assertFalse(built.isEmpty());
            assertEquals(List.of(), built.stream().filter(file -> contains(file, folder)).toList());
        }
    }

    /** The search finds what it looks for: a class file names the packages that it uses. */
    @Test
    void aNameInABinaryFileIsFound() {
        assertTrue(contains(CLASSES.resolve(Device.class.getName().replace('.', '/') + ".class"), "org/talweg/ops/"));
    }

    private static boolean contains(Path file, String text) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).contains(text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
