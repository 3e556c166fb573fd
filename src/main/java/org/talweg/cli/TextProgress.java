package org.talweg.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.talweg.analysis.GradientHealth;
import org.talweg.analysis.StationaryPoint;
import org.talweg.data.Dataset;
import org.talweg.data.Split;
import org.talweg.nn.Model;
import org.talweg.ops.Devices;
import org.talweg.ops.Precision;
import org.talweg.train.ConfusionMatrix;
import org.talweg.train.CrossValidation;
import org.talweg.train.EpochMetrics;
import org.talweg.train.Evaluation;
import org.talweg.train.RunState;
import org.talweg.train.StepMetrics;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;

/** Text for people; on a terminal a bar moves below the finished epochs. */
final class TextProgress implements Progress {
    private static final int BAR_REFRESH_MILLISECONDS = 100;
    /** Fits the narrowest usual terminal: a line that wraps could not be rewritten. */
    private static final int BAR_WIDTH = 79;
    /** To the start of the line, and clear the rest of it. */
    private static final String REWRITE = "\r\u001b[K";

    private final PrintWriter out;
    private final boolean terminal;
    private int epochs;
    private ProgressBar bar;
    private long epochBegan;
    private long epochRows;

    TextProgress(PrintWriter out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    @Override
    public void begin(Devices.Choice choice, Dataset data, Split split, Model model) {
        out.println("device  " + choice.device().name() + ": " + choice.device().description());
        out.println("        " + choice.reason());
        Precision asked = model.description().precision();
        if (Progress.precision(choice.device(), model) != asked) {
            print("        %s has no tensor cores for %s: matrix products are in float32%n", choice.device().name(),
                asked.name().toLowerCase(Locale.ROOT));
        }
        print("data    %s: %,d rows of %d features, %s; %,d to train, %,d to validate, %,d to test%n", data.name(),
            data.rows(), data.columns(), data.isClassification() ? data.classes() + " classes of " + data.targetNames().get(0)
                : String.join(" and ", data.targetNames()) + " to predict",
            split.train().rows(), split.validation().rows(), split.test().rows());
        out.println();
        out.println(model.summary().stripTrailing());
        out.println();
        out.flush();
    }

    @Override
    public void onTrainBegin(Trainer trainer, int allEpochs, int stepsPerEpoch) {
        begin(allEpochs, stepsPerEpoch, 0);
    }

    @Override
    public void onResume(Trainer trainer, int allEpochs, int stepsPerEpoch, RunState run) {
        print("going on after step %,d, in epoch %d%n", run.steps(), run.history().size() + 1);
        begin(allEpochs, stepsPerEpoch, run.steps());
    }

    private void begin(int allEpochs, int stepsPerEpoch, long done) {
        epochs = allEpochs;
        epochBegan = System.nanoTime();
        if (terminal) {
            bar = new ProgressBarBuilder().setTaskName("training").setInitialMax((long) allEpochs * stepsPerEpoch)
                .setStyle(ProgressBarStyle.ASCII).setUpdateIntervalMillis(BAR_REFRESH_MILLISECONDS)
                .startsFrom(done, Duration.ZERO)
                .setConsumer(new DelegatingProgressBarConsumer(this::rewrite, BAR_WIDTH)).build();
        }
    }

    @Override
    public void onSteps(List<StepMetrics> steps) {
        if (bar == null) {
            return;
        }
        StepMetrics last = steps.get(steps.size() - 1);
        epochRows += steps.stream().mapToInt(StepMetrics::rows).sum();
        double seconds = (System.nanoTime() - epochBegan) / 1e9;
        bar.stepBy(steps.size());
        String accuracy = Float.isNaN(last.accuracy()) ? "" : String.format(Locale.ROOT, " acc %.2f", last.accuracy());
        bar.setExtraMessage(String.format(Locale.ROOT, " loss %.3f%s %s/s", last.loss(), accuracy,
            rounded(epochRows / seconds)));
    }

    /** Short, because the bar shares its line. */
    private static String rounded(double number) {
        return number < 1e3 ? String.format(Locale.ROOT, "%.0f", number)
            : number < 1e6 ? String.format(Locale.ROOT, "%.1fk", number / 1e3)
            : String.format(Locale.ROOT, "%.1fM", number / 1e6);
    }

    @Override
    public void onEpochEnd(EpochMetrics metrics) {
        StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "epoch %" + String.valueOf(epochs).length()
            + "d/%d  loss %.4f", metrics.epoch(), epochs, metrics.loss()));
        append(line, "accuracy", metrics.accuracy());
        append(line, "val_loss", metrics.valLoss());
        append(line, "val_accuracy", metrics.valAccuracy());
        appendOthers(line, metrics.metrics());
        line.append(String.format(Locale.ROOT, "  %,.0f samples/s", metrics.samplesPerSecond()));
        if (metrics.skippedSteps() > 0) {
            line.append("  ").append(metrics.skippedSteps()).append(" steps skipped: gradients not finite");
        }
        rewrite(line + System.lineSeparator());
        epochBegan = System.nanoTime();
        epochRows = 0;
    }

    @Override
    public void onTrainEnd(TrainingResult result) {
        if (bar != null) {
            bar.close();
            rewrite("");
            bar = null;
        }
    }

    /** On a terminal, in place of the bar, which its own thread draws again at the next refresh. */
    private void rewrite(String text) {
        synchronized (out) {
            out.print(terminal ? REWRITE + text : text);
            out.flush();
        }
    }

    @Override
    public void health(GradientHealth health) {
        rewrite(health.verdict().lines().map(line -> "gradients  " + line + System.lineSeparator())
            .collect(Collectors.joining()));
    }

    @Override
    public void stopped(StationaryPoint point) {
        out.println();
        out.println("stands  at " + point);
    }

    @Override
    public void confusion(ConfusionMatrix matrix) {
        out.println();
        out.println("true class by row, predicted class by column:");
        out.println(matrix);
    }

    @Override
    public void end(TrainingResult result, Evaluation test, RunFolder folder) {
        out.println();
        StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "test    loss %.4f", test.loss()));
        append(line, "accuracy", test.accuracy());
        appendOthers(line, test.metrics());
        out.println(line.append(" on ").append(test.rows()).append(" rows never seen in training"));
        out.println("ended   " + result.stopReason());
        if (result.restoredEpoch() > 0) {
            out.println("kept    the parameters of epoch " + result.restoredEpoch() + ", the best");
        }
        out.println("saved   " + folder.model() + ", " + folder.metrics());
        if (result.stopReason().startsWith("interrupted")) {
            out.println("go on   ./talweg resume " + folder.path());
        }
        out.flush();
    }

    @Override
    public void report(Path file) {
        out.println("report  " + file);
        out.flush();
    }

    @Override
    public void fold(int number, int of, TrainingResult result, Evaluation test, Path folder) {
        StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "fold %" + String.valueOf(of).length()
            + "d/%d  loss %.4f", number, of, test.loss()));
        append(line, "accuracy", test.accuracy());
        appendOthers(line, test.metrics());
        line.append(" on ").append(test.rows()).append(" rows never seen in training; ").append(result.stopReason());
        out.println(line);
        out.flush();
    }

    @Override
    public void folds(CrossValidation validation, Path folder) {
        out.println();
        for (String name : validation.names()) {
            print("%-10s  %.4f ± %.4f%n", name, validation.mean(name), validation.deviation(name));
        }
        out.println("mean and standard deviation of " + validation.folds().size() + " folds; saved in " + folder);
        out.flush();
    }

    private void print(String format, Object... values) {
        out.print(String.format(Locale.ROOT, format, values));
    }

    private static void appendOthers(StringBuilder line, Map<String, Double> metrics) {
        metrics.forEach((name, value) -> {
            // Most losses bring their accuracy along.
            if (line.indexOf("  " + name + " ") < 0) {
                append(line, name, value);
            }
        });
    }

    private static void append(StringBuilder line, String name, double value) {
        if (!Double.isNaN(value)) {
            line.append(String.format(Locale.ROOT, "  %s %.4f", name, value));
        }
    }
}
