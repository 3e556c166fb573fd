package org.talweg.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
import org.talweg.train.Checkpoint;
import org.talweg.train.ConfusionMatrix;
import org.talweg.train.CrossValidation;
import org.talweg.train.Evaluation;
import org.talweg.train.Listener;
import org.talweg.train.Metric;
import org.talweg.train.MetricsLog;
import org.talweg.train.Stop;
import org.talweg.train.TensorBoard;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code talweg train}: data set in, trained model and its figures out. */
@Command(name = "train", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "Trains a multi-layer perceptron on a data set and tests it on rows it never saw. Ctrl-C ends training "
        + "after the step in progress; the best model is kept, and 'talweg resume' goes on.",
    footer = {"", "Examples:", "  ./talweg train digits --hidden 128,64 --optimizer adam --epochs 30",
        "  ./talweg train digits --optimizer sgd:momentum=0.9 --schedule one_cycle",
        "  ./talweg train iris --stop no_improvement:patience=5 --metrics f1,auc",
        "  ./talweg train src/main/resources/org/talweg/data/iris.csv --target species --without petal_width",
        "  ./talweg train breast_cancer --scale standard --epochs 10 --folds 5 --metrics f1",
        "  ./talweg train --config runs/a/run.yaml --lr 0.001"})
final class TrainCommand implements Callable<Integer> {
    private static final int EVALUATION_BATCH = 1024;
    /** Momentum carries the last step past the point whose gradient norm ended training. */
    private static final double LEVEL = 10;
    /** Options that say how a run is shown or where it goes. */
    private static final Set<String> NOT_OF_THE_RUN = Set.of("out", "quiet", "plain", "json");

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

    @Option(names = "--weights", paramLabel = "FILE", showDefaultValue = Visibility.NEVER,
        description = "A safetensors file with the parameters to start from, by name, such as the model of another run.")
    private Path weights;

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

    @Option(names = "--fold", paramLabel = "N", showDefaultValue = Visibility.NEVER,
        description = "Only this one of the --folds, e.g. 1, as a run of its own.")
    private Integer fold;

    @Option(names = "--out", paramLabel = "DIR", showDefaultValue = Visibility.NEVER,
        description = "Where metrics and model go, e.g. runs/a (default: runs/DATA-DATE-TIME).")
    private Path out;

    @Option(names = "--checkpoint", paramLabel = "EVERY", defaultValue = "30s",
        description = "How often what 'talweg resume' needs is saved, e.g. 5min, 1epoch, 500steps or none; also when "
            + "training ends or is interrupted.")
    private String checkpoint;

    @Option(names = Config.OPTION, paramLabel = "FILE", showDefaultValue = Visibility.NEVER,
        description = "A YAML or JSON file with these options, as 'epochs: 30', such as the run.yaml of a run; the command "
            + "line overrides it.")
    private Path config;

    @Mixin
    private ProgressOptions progress;

    @Override
    public Integer call() throws IOException {
        prepare();
        Devices.Choice choice = experiment.device();
        try (Device opened = choice.device()) {
            if (folds != null && fold == null) {
                crossValidate(choice);
            } else {
                RunFolder run = new RunFolder(experiment.folder(out));
                try (RunLock lock = run.lock()) {
                    train(choice, run, null, progress.progress(spec.commandLine().getOut()), true, spec);
                }
            }
        }
        return 0;
    }

    /**
     * The command that made a run, to be made again.
     *
     * @param changes options that override what it was made with
     * @throws IOException if its configuration is wrong; says where
     */
    static TrainCommand of(RunFolder folder, String... changes) throws IOException {
        TrainCommand command = new TrainCommand();
        CommandLine line = new CommandLine(command).setCaseInsensitiveEnumValuesAllowed(true);
        try {
            line.parseArgs(Config.expand(line, folder.config(), changes));
        } catch (CommandLine.ParameterException e) {
            throw new IOException(folder.config() + ": " + e.getMessage(), e);
        }
        return command;
    }

    Experiment experiment() {
        return experiment;
    }

    /** Goes on with the run in {@code folder}; from the beginning, if it came to no checkpoint. */
    void resume(RunFolder folder, ProgressOptions shown, CommandSpec caller) throws IOException {
        Experiment.check(!checkpoint.equals("none"), folder.path() + " was made with --checkpoint none; train it anew");
        prepare();
        Checkpoint from = Checkpoint.latest(folder.checkpoints()).orElse(null);
        Experiment.check(from == null || from.epochs() <= epochs, "--epochs " + epochs + ": " + folder.path() + " has "
            + (from == null ? 0 : from.epochs()) + " already; give more, or leave it out");
        Devices.Choice choice = experiment.device();
        try (Device opened = choice.device()) {
            train(choice, folder, from, shown.progress(caller.commandLine().getOut()), true, caller);
        }
    }

    /** Reads the data and every option. */
    void prepare() throws IOException {
        Experiment.check(epochs >= 1, "--epochs " + epochs + ": at least 1 is needed");
        Experiment.check(fold == null || folds != null && fold >= 1 && fold <= folds, "--fold " + fold
            + ": it is one of the --folds, from 1 on");
        experiment.prepare();
        if (folds != null) {
            experiment.fold(fold == null ? 0 : fold - 1, folds);
        }
        schedule();
        metrics();
        kept();
        recorder();
        Experiment.check(diagnose == null || diagnose >= 1, "--diagnose " + diagnose + ": at least 1 step is needed");
        criteria();
        CheckpointChoices.parse(checkpoint, Path.of(""));
    }

    /** Each fold is a run of its own, in a folder of its own. */
    private void crossValidate(Devices.Choice choice) throws IOException {
        Progress shown = progress.progress(spec.commandLine().getOut());
        Path folder = experiment.folder(out);
        List<Evaluation> tests = new ArrayList<>();
        boolean interrupted = false;
        try (RunLock all = RunLock.of(folder)) {
            for (fold = 1; fold <= folds && !interrupted; fold++) {
                experiment.fold(fold - 1, folds);
                RunFolder own = new RunFolder(Files.createDirectories(folder.resolve("fold-" + fold)));
                try (RunLock lock = own.lock()) {
                    Tested tested = train(choice, own, null, shown, false, spec);
                    tests.add(tested.test);
                    interrupted = tested.interrupted;
                    shown.fold(fold, folds, tested.result, tested.test, own.path());
                }
            }
        }
        if (tests.size() > 1) {
            shown.folds(new CrossValidation(tests), folder);
        }
    }

    private record Tested(TrainingResult result, Evaluation test, boolean interrupted) {
    }

    /**
     * @param from  where to go on, or null to begin
     * @param alone whether it is shown as it goes, and not one of several
     */
    private Tested train(Devices.Choice choice, RunFolder folder, Checkpoint from, Progress shown, boolean alone,
                         CommandSpec caller) throws IOException {
        String kept = kept();
        TrajectoryRecorder recorder = recorder();
        try (Model model = model(choice.device(), from); PrintWriter log = log(folder, from != null)) {
            if (from == null) {
                folder.clear();
            }
            Map<String, Object> settings = Config.settings(spec.commandLine().getParseResult(), NOT_OF_THE_RUN);
            settings.put("source", experiment.absoluteSource());
            settings.put("device", choice.device().name());
            if (weights != null) {
                settings.put("weights", weights.toAbsolutePath().normalize().toString());
            }
            if (fold != null) {
                settings.put("fold", fold);
            }
            Config.write(folder.config(), settings, "talweg train --config " + folder.config());
            folder.writeEnvironment(choice, experiment, caller.commandLine().getParseResult().originalArgs());
            Progress written = new TextProgress(log, false);
            List<Progress> progresses = List.of(shown, written);
            progresses.stream().filter(p -> p != shown || alone || fold == 1).forEach(
                p -> p.begin(choice, experiment.data(), experiment.split(), model));
            List<Listener> listeners = new ArrayList<>(alone ? progresses : List.of(written));
            listeners.add(new MetricsLog(folder.metrics()));
            listeners.add(TensorBoard.in(folder.path()));
            if (!noReport) {
                listeners.add(new GradientLog(folder.gradients(), experiment.split().train()));
            }
            if (recorder != null) {
                listeners.add(recorder);
            }
            if (diagnose != null) {
                listeners.add(new GradientMonitor(experiment.split().train(), diagnose,
                    health -> progresses.forEach(p -> p.health(health))));
            }
            CheckpointChoices.parse(checkpoint, folder.checkpoints())
                .map(checkpoints -> kept == null ? checkpoints : checkpoints.keepBest(kept)).ifPresent(listeners::add);
            Trainer.Builder builder = experiment.trainer(model).schedule(schedule()).metrics(metrics())
                .stopWhen(criteria()).listeners(listeners.toArray(Listener[]::new));
            Trainer trainer = (kept == null ? builder : builder.restoreBest(kept)).build();
            try (Interruption interruption = new Interruption(trainer)) {
                long began = System.nanoTime();
                DataLoader validation = DataLoader.of(experiment.split().validation(), EVALUATION_BATCH);
                TrainingResult result = from == null ? trainer.fit(experiment.trainingRows(), validation, epochs)
                    : trainer.resume(from, experiment.trainingRows(), validation, epochs);
                double seconds = (System.nanoTime() - began) / 1e9;
                Evaluation test = trainer.evaluate(testRows());
                model.save(folder.model());
                ResultFile.write(folder.path(), result, test, epochs, kept, seconds);
                if (recorder != null) {
                    recorder.trajectory().save(folder.trajectory());
                }
                tell(trainer, progresses);
                (alone ? progresses : List.of(written)).forEach(p -> p.end(result, test, folder));
                if (!noReport) {
                    Path report = RunReport.write(folder, model, experiment.loss(), experiment.split().train(),
                        experiment.split().test(), experiment.unscaled().test());
                    (alone ? progresses : List.of(written)).forEach(p -> p.report(report));
                }
                return new Tested(result, test, interruption.happened());
            }
        }
    }

    private Model model(Device device, Checkpoint from) throws IOException {
        Model model = experiment.model(device);
        try {
            if (weights != null && from == null) {
                model.loadWeights(weights);
            }
            return model;
        } catch (IOException | RuntimeException e) {
            model.close();
            throw e;
        }
    }

    /** What was asked for of the trained model. */
    private void tell(Trainer trainer, List<Progress> progresses) {
        for (double below : StopChoices.gradientNorms(stops)) {
            StationaryPoint point = StationaryPoint.of(trainer.model(), experiment.loss(), experiment.split().train(),
                LEVEL * below);
            progresses.forEach(p -> p.stopped(point));
        }
        if (confusion) {
            ConfusionMatrix matrix = ConfusionMatrix.of(trainer.predict(testRows()));
            progresses.forEach(p -> p.confusion(matrix));
        }
    }

    private DataLoader testRows() {
        return DataLoader.of(experiment.split().test(), EVALUATION_BATCH);
    }

    private static PrintWriter log(RunFolder folder, boolean append) throws IOException {
        return new PrintWriter(Files.newBufferedWriter(folder.log(), StandardOpenOption.CREATE,
            append ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING), true);
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
