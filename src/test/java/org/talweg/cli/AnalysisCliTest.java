package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The commands that look at models instead of training them. */
class AnalysisCliTest {
    private record Run(int exitCode, String out, String err) {
    }

    private static Run talweg(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), args);
        return new Run(exitCode, out.toString(), err.toString());
    }

    @Test
    void formulaAndDescentStandSideBySide() {
        Run run = talweg("closed-form", "diabetes", "--ridge", "0.1");
        assertEquals(0, run.exitCode, run.err);
        assertTrue(run.out.contains("23.2924"), run.out);
        assertEquals(12, run.out.lines().filter(line -> line.matches(".*e[-+]\\d+")).count(), run.out);
        double distance = Double.parseDouble(run.out.replaceAll("(?s).*within (\\S+) of the largest.*", "$1"));
        assertTrue(distance <= 1e-4, run.out);
        assertTrue(talweg("closed-form", "diabetes", "--steps", "5").out.contains("more steps"));
        assertTrue(talweg("closed-form", "diabetes", "--raw", "--steps", "5").out.contains("scaled features"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "closed-form iris | one number",
        "closed-form nothing | digits",
        "closed-form diabetes --ridge -1 | at least 0",
        "closed-form diabetes --steps 0 | at least 1"})
    void badInputIsOneLineThatNamesTheRemedy(String command, String part) {
        Run run = talweg(command.split(" "));
        assertEquals(2, run.exitCode, run.out + run.err);
        assertEquals(1, run.err.lines().count(), run.err);
        assertTrue(run.err.toLowerCase(Locale.ROOT).contains(part), run.err);
    }
}
