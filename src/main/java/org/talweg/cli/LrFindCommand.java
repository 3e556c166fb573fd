package org.talweg.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.talweg.analysis.plot.LearningRatePlot;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.train.LearningRateFinder;
import org.talweg.train.LearningRateTest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code talweg lr-find}: which learning rate to train with. */
@Command(name = "lr-find", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "Learning-rate range test: trains for a short while with a rate that rises from step to step, and shows "
        + "where the loss falls fastest and where it takes off. Writes a picture and a table.",
    footer = {"", "Example:  ./talweg lr-find digits --optimizer momentum"})
final class LrFindCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private Experiment experiment;

    @Option(names = "--from", paramLabel = "RATE", defaultValue = "1e-6", description = "First rate, e.g. 1e-7.")
    private double from;

    @Option(names = "--to", paramLabel = "RATE", defaultValue = "10", description = "Last rate, e.g. 1.")
    private double to;

    @Option(names = "--steps", paramLabel = "N", defaultValue = "200", description = "Steps between them, e.g. 500.")
    private int steps;

    @Option(names = "--smoothing", paramLabel = "SHARE", defaultValue = "0.9",
        description = "Share of the past in the running mean of the loss, e.g. 0.98 for small batches.")
    private double smoothing;

    @Option(names = "--out", paramLabel = "DIR", showDefaultValue = Visibility.NEVER,
        description = "Where picture and table go, e.g. runs/a (default: runs/DATA-DATE-TIME).")
    private Path out;

    @Override
    public Integer call() throws IOException {
        LearningRateFinder finder = new LearningRateFinder(from, to, steps, smoothing);
        experiment.prepare();
        Devices.Choice choice = experiment.device();
        LearningRateTest test;
        try (Device opened = choice.device(); Model model = experiment.model(opened)) {
            test = finder.run(experiment.trainer(model), experiment.trainingRows());
        }
        Path folder = experiment.folder(out);
        Files.writeString(folder.resolve("lr-find.csv"), test.csv());
        PrintWriter text = spec.commandLine().getOut();
        LearningRateTest.Point suggestion;
        try {
            suggestion = test.steepest();
        } catch (IllegalStateException e) {
            throw new IllegalArgumentException(e.getMessage() + " (the table is " + folder.resolve("lr-find.csv") + ")", e);
        }
        LearningRatePlot plot = new LearningRatePlot(test, "Learning rates for " + experiment.data().name() + " with "
            + OptimizerChoices.ALL.choice(experiment.optimizerText()).name());
        plot.writePng(folder.resolve("lr-find.png"));
        plot.writeSvg(folder.resolve("lr-find.svg"));
        text.printf(Locale.ROOT, "steepest  at %.2g: a rate to train with, --lr %.2g%n", suggestion.learningRate(),
            suggestion.learningRate());
        text.printf(Locale.ROOT, "lowest    at %.2g: too high already; a tenth of it, %.2g, is another rule%n",
            test.lowest().learningRate(), test.lowest().learningRate() / 10);
        text.printf(Locale.ROOT, test.diverged() ? "took off  at %.2g, where the test ended%n"
            : "the loss did not take off up to %.2g; try a higher --to%n",
            test.points().get(test.points().size() - 1).learningRate());
        text.println("saved     " + folder.resolve("lr-find.png") + ", lr-find.svg, lr-find.csv");
        return 0;
    }
}
