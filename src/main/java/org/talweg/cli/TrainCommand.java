package org.talweg.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.talweg.analysis.GradientLog;
import org.talweg.analysis.GradientMonitor;
import org.talweg.analysis.StationaryPoint;
import org.talweg.analysis.TrajectoryRecorder;
import org.talweg.data.DataLoader;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Lbfgs;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Schedule;
import org.talweg.train.ConfusionMatrix;
import org.talweg.train.Evaluation;
import org.talweg.train.Listener;
import org.talweg.train.Metric;
import org.talweg.train.MetricsLog;
import org.talweg.train.Stop;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code talweg train}: data set in, trained model and its figures out. */
@Command(name = "train", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "Trains a multi-layer perceptron on a data set and tests it on rows it never saw. Ctrl-C ends training "
        + "after the step in progress; the best model is kept.",
    footer = {"", "Examples:", "  ./talweg train digits --hidden 128,64 --optimizer adam --epochs 30",
        "  ./talweg train digits --optimizer sgd:momentum=0.9 --schedule one_cycle",
        "  ./talweg train iris --stop no_improvement:patience=5 --metrics f1,auc",
        "  ./talweg train src/main/resources/org/talweg/data/iris.csv --target species --without petal_width"})
final class TrainCommand implements Callable<Integer> {
    private static final int EVALUATION_BATCH = 1024;
    /** Momentum carries the last step past the point whose gradient norm ended training. */
    private static final double LEVEL = 10;

    @Spec
    private CommandSpec spec;

    @Mixin
    private Experiment experiment;

    @Option(names = "--epochs", paramLabel = "N", defaultValue = "30",
        description = "Passes over the training rows, e.g. 30.")
    private int epochs;

    @Option(names = "--schedule", paramLabel = "NAME", showDefaultValue = Visibility.NEVER,
        description = "Of the learning rate, e.g. one_cycle:max=0.01; several follow one another, as warmup:for=100 and "
            + "cosine; see 'talweg methods schedule' (default: cosine; for lbfgs constant).")
    private List<String> schedules = List.of();

    @Option(names = "--per-epoch", description = "The numbers of steps in --schedule count epochs instead.")
    private boolean perEpoch;

    @Option(names = "--stop", paramLabel = "NAME", showDefaultValue = Visibility.NEVER,
        description = "Ends training early, e.g. no_improvement:patience=5; the first of several that holds; see "
            + "'talweg methods stop'.")
    private List<String> stops = List.of();

    @Option(names = "--metrics", paramLabel = "NAMES", split = ",", showDefaultValue = Visibility.NEVER,
        description = "Of validation and test, e.g. f1,auc; see 'talweg methods metrics'.")
    private List<String> metrics = List.of();

    @Option(names = "--confusion", description = "Prints how often each class was taken for which in the test.")
    private boolean confusion;

    @Option(names = "--keep", paramLabel = "WHICH", defaultValue = "best",
        description = "Model of the epoch that was best by a metric, e.g. best:val_accuracy (best: by val_loss), or last.")
    private String keep;

    @Option(names = "--trajectory", paramLabel = "STEPS", showDefaultValue = Visibility.NEVER,
        description = "Keeps the parameters every so many steps, e.g. 10, for 'talweg landscape --method pca'.")
    private Integer trajectory;

    @Option(names = "--diagnose", paramLabel = "STEPS", showDefaultValue = Visibility.NEVER,
        description = "Looks at the gradients every so many steps, e.g. 100, and says where they vanish or explode.")
    private Integer diagnose;

    @Option(names = "--no-report", description = "Leaves out report.html, the page with curves, gradients, confusions and "
        + "worst examples.")
    private boolean noReport;

    @Option(names = "--out", paramLabel = "DIR", showDefaultValue = Visibility.NEVER,
        description = "Where metrics and model go, e.g. runs/a (default: runs/DATA-DATE-TIME).")
    private Path out;

    @Option(names = "--json", description = "One JSON object a line instead of text; the last holds the final figures.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        Experiment.check(epochs >= 1, "--epochs " + epochs + ": at least 1 is needed");
        experiment.prepare();
        Optimizer optimizer = experiment.optimizer();
        List<String> chosen = !schedules.isEmpty() ? schedules : List.of(optimizer instanceof Lbfgs ? "constant" : "cosine");
        Schedule schedule = ScheduleChoices.parse(chosen, optimizer.learningRate(), perEpoch);
        Metric[] measured = metrics.stream().map(MetricChoices.ALL::parse).toArray(Metric[]::new);
        String kept = kept();
        TrajectoryRecorder recorder = trajectory == null ? null : new TrajectoryRecorder(trajectory);
        Experiment.check(diagnose == null || diagnose >= 1, "--diagnose " + diagnose + ": at least 1 step is needed");
        Stop[] criteria = stops.stream().map(StopChoices.ALL::parse).toArray(Stop[]::new);

        Devices.Choice choice = experiment.device();
        try (Device opened = choice.device(); Model model = experiment.model(opened)) {
            Path folder = experiment.folder(out);
            Progress progress = Progress.of(spec.commandLine().getOut(), json);
            progress.begin(choice, experiment.data(), experiment.split(), model);
            List<Listener> listeners = new ArrayList<>(List.of(progress, new MetricsLog(folder.resolve(MetricsLog.NAME))));
            if (!noReport) {
                listeners.add(new GradientLog(folder.resolve(RunReport.GRADIENTS), experiment.split().train()));
            }
            if (recorder != null) {
                listeners.add(recorder);
            }
            if (diagnose != null) {
                listeners.add(new GradientMonitor(experiment.split().train(), diagnose, progress::health));
            }
            Trainer.Builder builder = experiment.trainer(model).schedule(schedule).metrics(measured).stopWhen(criteria)
                .listeners(listeners.toArray(Listener[]::new));
            Trainer trainer = (kept == null ? builder : builder.restoreBest(kept)).build();
            try (Interruption interruption = new Interruption(trainer)) {
                long began = System.nanoTime();
                TrainingResult result = trainer.fit(experiment.trainingRows(),
                    DataLoader.of(experiment.split().validation(), EVALUATION_BATCH), epochs);
                double seconds = (System.nanoTime() - began) / 1e9;
                DataLoader testRows = DataLoader.of(experiment.split().test(), EVALUATION_BATCH);
                Evaluation test = trainer.evaluate(testRows);
                model.save(folder.resolve("model.safetensors"));
                RunFile.write(folder, experiment, spec.commandLine().getParseResult().originalArgs());
                ResultFile.write(folder, result, test, epochs, kept, seconds, opened);
                if (recorder != null) {
                    recorder.trajectory().save(folder.resolve(RunFile.TRAJECTORY));
                }
                for (double below : StopChoices.gradientNorms(stops)) {
                    progress.stopped(StationaryPoint.of(model, experiment.loss(), experiment.split().train(),
                        LEVEL * below));
                }
                if (confusion) {
                    progress.confusion(ConfusionMatrix.of(trainer.predict(testRows)));
                }
                progress.end(result, test, folder);
                if (!noReport) {
                    progress.report(RunReport.write(folder, model, experiment.loss(), experiment.split().train(),
                        testRows.data(), experiment.unscaledTest()));
                }
            }
        }
        return 0;
    }

    /** The metric whose best epoch is kept, or null for the last epoch. */
    private String kept() {
        return switch (keep) {
            case "best" -> "val_loss";
            case "last" -> null;
            default -> {
                Experiment.check(keep.startsWith("best:"), "--keep " + keep + ": write best, best:METRIC or last");
                yield keep.substring("best:".length());
            }
        };
    }
}
