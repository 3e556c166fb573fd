package org.talweg.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg report}: makes a run's page again. */
@Command(name = "report", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "Makes report.html in a run's folder again, as 'talweg train' does at its end: to take in the pictures of "
        + "'talweg landscape', or for a run without one. The page is one file that works offline.",
    footer = {"", "Example:  ./talweg report runs/a"})
final class ReportCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "RUN", description = "A folder that 'talweg train' wrote.")
    private Path folder;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "best",
        description = "Says what the model says of the test rows: best, cuda, cuda:N, cpu, reference or software.")
    private String device;

    @Override
    public Integer call() throws IOException {
        SavedRun run = SavedRun.read(folder);
        try (Device opened = Devices.open(device); Model model = run.model(opened)) {
            Dataset test = run.rows(SavedRun.Rows.TEST, model);
            Path report = RunReport.write(run.folder(), model, run.loss(), run.rows(SavedRun.Rows.TRAIN, model), test,
                run.unscaled(SavedRun.Rows.TEST));
            spec.commandLine().getOut().println("report  " + report);
            spec.commandLine().getOut().flush();
        }
        return 0;
    }
}
