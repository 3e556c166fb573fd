package org.talweg.cli;

import java.io.PrintWriter;
import java.io.Writer;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Option;

/** How a run shows itself. */
final class ProgressOptions {
    @ArgGroup(exclusive = true)
    private Mode mode = new Mode();

    private static final class Mode {
        @Option(names = "--quiet", description = "Says nothing; the run's folder has all.")
        private boolean quiet;

        @Option(names = "--plain", description = "Lines without a live bar, as where there is no terminal.")
        private boolean plain;

        @Option(names = "--json", description = "One JSON object a line instead of text; the last holds the final figures.")
        private boolean json;
    }

    Progress progress(PrintWriter out) {
        if (mode.quiet) {
            return new TextProgress(new PrintWriter(Writer.nullWriter()), false);
        }
        return mode.json ? new JsonProgress(out) : new TextProgress(out, !mode.plain && Progress.isTerminal());
    }
}
