package org.talweg.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.talweg.analysis.LinearRegression;
import org.talweg.data.Dataset;
import org.talweg.data.Scaler;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg closed-form}: why not analytically? Where there is a formula, descent arrives at the same place. */
@Command(name = "closed-form", mixinStandardHelpOptions = true, showDefaultValues = true, sortOptions = false,
    description = "Linear regression by its formula and by gradient descent, side by side.",
    footer = {"", "Example:  ./talweg closed-form diabetes --ridge 0.1"})
final class ClosedFormCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "SOURCE", description = "With a number to predict, e.g. diabetes. " + DataOptions.SOURCE)
    private String source;

    @Mixin
    private DataOptions data;

    @Option(names = "--ridge", paramLabel = "LAMBDA", defaultValue = "0",
        description = "Penalty on the squared weights, added to the mean squared error.")
    private double ridge;

    @Option(names = "--steps", paramLabel = "N", defaultValue = "1000", description = "Of descent over all rows.")
    private int steps;

    @Option(names = "--raw", description = "Leaves features unscaled, which slows descent down a lot.")
    private boolean raw;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "cpu",
        description = "Where descent runs: best, cuda, cuda:N, cpu, reference or software.")
    private String device;

    @Override
    public Integer call() throws IOException {
        if (steps < 1) {
            throw new ParameterException(spec.commandLine(), "--steps " + steps + ": at least 1 is needed");
        }
        Dataset unscaled = data.load(source).rows();
        Dataset rows = data.filling(raw ? Optional.empty() : Optional.of(Scaler.standard()))
            .map(scaling -> scaling.fit(unscaled).apply(unscaled)).orElse(unscaled);
        LinearRegression formula = LinearRegression.ridge(rows, ridge);
        try (Device opened = Devices.open(device)) {
            print(rows, formula, LinearRegression.descend(rows, ridge, steps, opened));
        }
        return 0;
    }

    private void print(Dataset rows, LinearRegression formula, LinearRegression descent) {
        PrintWriter out = spec.commandLine().getOut();
        out.printf(Locale.ROOT, "%-14s %14s %14s %12s%n", "", "formula", "descent", "difference");
        line("intercept", formula.intercept(), descent.intercept());
        for (int i = 0; i < formula.weights().length; i++) {
            line(rows.featureNames().get(i), formula.weights()[i], descent.weights()[i]);
        }
        line("mean sq. error", formula.meanSquaredError(), descent.meanSquaredError());
        double distance = formula.distance(descent);
        out.printf(Locale.ROOT, "%nafter %,d steps descent is within %.1g of the largest coefficient%s%n", steps, distance,
            distance <= 1e-4 ? "" : "; more steps bring it closer" + (raw ? ", and scaled features much faster" : ""));
        out.flush();
    }

    private void line(String name, double formula, double descent) {
        spec.commandLine().getOut().printf(Locale.ROOT, "%-14s %14.6f %14.6f %12.1e%n", name, formula, descent,
            descent - formula);
    }
}
