package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;

/** A command line that was run in this JVM: what a user would have seen. */
record Run(int exitCode, String out, String err) {
    private static final ObjectMapper JSON = new ObjectMapper();

    static Run of(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), args);
        return new Run(exitCode, out.toString(), err.toString());
    }

    /** Words with a blank between them. */
    static Run talweg(String command) {
        return of(command.split(" "));
    }

    static Run succeeds(String command) {
        Run run = talweg(command);
        assertEquals(0, run.exitCode, command + "\n" + run.err);
        return run;
    }

    List<String> lines() {
        return out.lines().toList();
    }

    JsonNode lastLine() throws IOException {
        return JSON.readTree(lines().get(lines().size() - 1));
    }
}
