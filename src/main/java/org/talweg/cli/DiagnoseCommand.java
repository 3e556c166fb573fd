package org.talweg.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.talweg.analysis.GradientCheck;
import org.talweg.analysis.GradientHealth;
import org.talweg.analysis.StationaryPoint;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg diagnose}: whether gradients are right, how they flow, and where training stopped. */
@Command(name = "diagnose", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "Looks at a trained model: gradients layer by layer, their check against differences, and whether it "
        + "stands at a minimum or at a saddle point.",
    footer = {"", "Example:  ./talweg diagnose runs/a"})
final class DiagnoseCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "RUN", description = "A folder that 'talweg train' wrote.")
    private Path folder;

    @Option(names = "--tolerance", paramLabel = "NORM", defaultValue = "0.01",
        description = "The largest gradient norm that counts as level; only there the curvature is computed.")
    private double tolerance;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "1", description = "Draws the entries that are checked.")
    private long seed;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "best",
        description = "best, cuda, cuda:N, cpu, reference or software.")
    private String device;

    @Override
    public Integer call() throws IOException {
        Experiment.check(tolerance > 0, "--tolerance " + tolerance + ": it must be above 0");
        SavedRun run = SavedRun.read(folder);
        PrintWriter out = spec.commandLine().getOut();
        try (Device opened = Devices.open(device); Model model = run.model(opened)) {
            Dataset rows = run.rows(SavedRun.Rows.TRAIN, model);
            out.println(GradientHealth.of(model, run.loss(), rows));
            out.println();
            out.println(GradientCheck.of(model, run.loss(), rows, seed));
            out.println("the model stands at " + StationaryPoint.of(model, run.loss(), rows, tolerance));
        }
        out.flush();
        return 0;
    }
}
