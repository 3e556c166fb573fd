package org.talweg.cli;

import java.io.IOException;
import java.nio.file.Files;
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
import org.talweg.train.CrossValidation;
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
        "  ./talweg train src/main/resources/org/talweg/data/iris.csv --target species --without petal_width",
        "  ./talweg train breast_cancer --scale standard --epochs 10 --folds 5 --metrics f1"})
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

    @Option(names = "--folds", paramLabel = "K", showDefaultValue = Visibility.NEVER,
        description = "Cross-validation: trains K times, e.g. 5, tests each on another share of the rows, and shows mean and "
            + "standard deviation.")
    private Integer folds;

    @Option(names = "--out", paramLabel = "DIR", showDefaultValue = Visibility.NEVER,
        description = "Where metrics and model go, e.g. runs/a (default: runs/DATA-DATE-TIME).")
    private Path out;

    @Option(names = "--json", description = "One JSON object a line instead of text; the last holds the final figures.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        Experiment.check(epochs >= 1, "--epochs " + epochs + ": at least 1 is needed");
        experiment.prepare();
        if (folds != null) {
            experiment.fold(0, folds);
        }
        schedule();
        metrics();
        kept();
        recorder();
        Experiment.check(diagnose == null || diagnose >= 1, "--diagnose " + diagnose + ": at least 1 step is needed");
        criteria();

        Devices.Choice choice = experiment.device();
        try (Device opened = choice.device()) {
            Progress progress = Progress.of(spec.commandLine().getOut(), json);
            if (folds == null) {
                train(choice, opened, progress, null);
            } else {
                crossValidate(choice, opened, progress);
            }
        }
        return 0;
    }

    /** Each fold is a run of its own, in a folder of its own. */
    private void crossValidate(Devices.Choice choice, Device opened, Progress progress) throws IOException {
        Path folder = experiment.folder(out);
        List<Evaluation> tests = new ArrayList<>();
        boolean interrupted = false;
        for (int fold = 0; fold < folds && !interrupted; fold++) {
            experiment.fold(fold, folds);
            Path own = Files.createDirectories(folder.resolve("fold-" + (fold + 1)));
            Tested tested = train(choice, opened, progress, own);
            tests.add(tested.test);
            interrupted = tested.interrupted;
            progress.fold(fold + 1, folds, tested.result, tested.test, own);
        }
        if (tests.size() > 1) {
            progress.folds(new CrossValidation(tests), folder);
        }
    }

    private record Tested(TrainingResult result, Evaluation test, boolean interrupted) {
    }

    /** @param fold where one of several runs goes; null if it is the only one, which is shown as it goes */
    private Tested train(Devices.Choice choice, Device opened, Progress progress, Path fold) throws IOException {
        boolean alone = fold == null;
        String kept = kept();
        TrajectoryRecorder recorder = recorder();
        try (Model model = experiment.model(opened)) {
            Path folder = alone ? experiment.folder(out) : fold;
            if (alone || fold.endsWith("fold-1")) {
                progress.begin(choice, experiment.data(), experiment.split(), model);
            }
            List<Listener> listeners = new ArrayList<>(List.of(new MetricsLog(folder.resolve(MetricsLog.NAME))));
            if (alone) {
                listeners.add(0, progress);
            }
            if (!noReport) {
                listeners.add(new GradientLog(folder.resolve(RunReport.GRADIENTS), experiment.split().train()));
            }
            if (recorder != null) {
                listeners.add(recorder);
            }
            if (diagnose != null) {
                listeners.add(new GradientMonitor(experiment.split().train(), diagnose, progress::health));
            }
            Trainer.Builder builder = experiment.trainer(model).schedule(schedule()).metrics(metrics())
                .stopWhen(criteria()).listeners(listeners.toArray(Listener[]::new));
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
                if (alone) {
                    progress.end(result, test, folder);
                }
                if (!noReport) {
                    Path report = RunReport.write(folder, model, experiment.loss(), experiment.split().train(),
                        testRows.data(), experiment.unscaledTest());
                    if (alone) {
                        progress.report(report);
                    }
                }
                return new Tested(result, test, interruption.happened());
            }
        }
    }

    private Schedule schedule() {
        Optimizer optimizer = experiment.optimizer();
        List<String> chosen = !schedules.isEmpty() ? schedules : List.of(optimizer instanceof Lbfgs ? "constant" : "cosine");
        return ScheduleChoices.parse(chosen, optimizer.learningRate(), perEpoch);
    }

    private Metric[] metrics() {
        return metrics.stream().map(MetricChoices.ALL::parse).toArray(Metric[]::new);
    }

    private TrajectoryRecorder recorder() {
        return trajectory == null ? null : new TrajectoryRecorder(trajectory);
    }

    private Stop[] criteria() {
        return stops.stream().map(StopChoices.ALL::parse).toArray(Stop[]::new);
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
