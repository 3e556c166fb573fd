package org.talweg.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.testing.SoftwareDevice;

/** No call of the driver API, however wrong, ends the JVM or hangs it. */
class DriverFuzzTest {
    /** Calls of each of three threads: {@code -Dtalweg.fuzz.calls=1000000} for a long run. */
    private static final String CALLS = System.getProperty("talweg.fuzz.calls", "4000");
    private static final String SEED = System.getProperty("talweg.fuzz.seed", "1");

    @Test
    void randomCallsFromSeveralThreads(@TempDir Path folder) throws IOException, InterruptedException {
        SoftwareDevice.require();
        Path output = folder.resolve("output.txt");
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m", "-XX:ErrorFile=" + folder.resolve("crash.log"), "-cp", classPath(), DriverFuzz.class.getName(),
            CALLS, "3", SEED).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        boolean ended = process.waitFor(Math.max(120, Long.parseLong(CALLS) / 100), TimeUnit.SECONDS);
        String said = Files.readString(output);
        if (!ended) {
            process.destroyForcibly();
        }
        assertTrue(ended, "seed " + SEED + " hangs: " + said);
        assertEquals(0, process.exitValue(), "seed " + SEED + ": " + said);
        Matcher counts = Pattern.compile("(\\d+) calls, (\\d+) of them succeeded").matcher(said);
        assertTrue(counts.find(), said);
        assertEquals(3 * Long.parseLong(CALLS), Long.parseLong(counts.group(1)));
        assertTrue(Long.parseLong(counts.group(2)) > Long.parseLong(CALLS) / 5, "too few made sense: " + said);
    }

    /** Surefire may hide the class path in a jar's manifest; the classes know where they come from. */
    private static String classPath() {
        StringBuilder path = new StringBuilder(System.getProperty("surefire.test.class.path",
            System.getProperty("java.class.path")));
        return path.append(File.pathSeparatorChar).toString();
    }
}
