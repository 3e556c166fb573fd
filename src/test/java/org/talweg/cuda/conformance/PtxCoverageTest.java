package org.talweg.cuda.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.testing.SoftwareDevice;

/** docs/ptx-coverage.md lists the instructions that the device decodes, no more and no less, and tests that exist. */
class PtxCoverageTest {
    private static final Path TABLE = Path.of("docs/ptx-coverage.md");
    private static final Path TESTS = Path.of("src/test/java/org/talweg/cuda/conformance");

    @Test
    void theTableIsTrue() throws IOException {
        SoftwareDevice.require();
        TreeSet<String> listed = new TreeSet<>();
        for (String line : Files.readAllLines(TABLE)) {
            String[] cells = line.split("\\|");
            if (!line.startsWith("| `")) {
                continue;
            }
            Matcher names = Pattern.compile("`(\\w+)`").matcher(cells[1]);
            while (names.find()) {
                assertTrue(listed.add(names.group(1)), names.group(1) + " is listed twice");
            }
            for (String test : cells[3].trim().split(", ")) {
                assertTrue(Files.exists(TESTS.resolve(test + ".java")), "no such test: " + test);
            }
        }
        assertEquals(new TreeSet<>(SoftwareDriver.instructions()), listed);
    }
}
