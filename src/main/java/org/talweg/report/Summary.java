package org.talweg.report;

import java.util.Arrays;
import java.util.Locale;
import org.talweg.train.ConfusionMatrix;
import org.talweg.train.EpochMetrics;
import org.talweg.train.Predictions;

/** The top of the page: the figure that matters as a sentence, a few others, and what happened. */
final class Summary {
    /** Of the standard normal distribution, for an interval that holds the truth 19 times of 20. */
    private static final double Z = 1.959964;
    /** A change of the validation loss that is worth a word. */
    private static final double NOTABLE = 1.05;

    private Summary() {
    }

    static void add(Html html, Report report) {
        html.open("header").open("p", "class", "run").name(report.name()).close();
        html.add("h1", headline(report));
        String context = context(report);
        if (!context.isEmpty()) {
            html.add("p", context, "class", "lead");
        }
        contents(html, report);
        html.close();
        html.section("summary", "In short");
        tiles(html, report);
        html.open("ul", "class", "words");
        ended(html, report);
        learned(html, report);
        trouble(html, report);
        html.close().close();
    }

    private static void contents(Html html, Report report) {
        html.open("nav", "aria-label", "Sections");
        html.add("a", "In short", "href", "#summary");
        html.add("a", "Learning curves", "href", "#curves");
        html.add("a", "Gradients", "href", "#gradients");
        if (report.test() != null) {
            boolean classes = report.test().predictions().hasClasses();
            html.add("a", classes ? "Confusions" : "Predictions", "href", classes ? "#confusions" : "#predictions");
            html.add("a", "Worst examples", "href", "#examples");
        }
        if (!report.pictures().isEmpty()) {
            html.add("a", "Landscape", "href", "#landscape");
        }
        html.add("a", "Settings", "href", "#settings").close();
    }

    /** The one sentence. */
    static String headline(Report report) {
        if (report.test() == null) {
            return "Trained on " + report.data();
        }
        Predictions predictions = report.test().predictions();
        if (predictions.hasClasses()) {
            long[] right = right(predictions);
            return Words.share((double) right[0] / right[1]) + " of " + Words.count(right[1]) + " test "
                + (right[1] == predictions.rows() ? "rows" : "answers") + " are right";
        }
        return "Test predictions are off by " + Words.number(error(predictions)) + " on average";
    }

    /** What the headline is to be compared with. */
    private static String context(Report report) {
        if (report.test() == null) {
            return "";
        }
        Predictions predictions = report.test().predictions();
        if (!predictions.hasClasses()) {
            double r2 = explained(predictions);
            return Double.isNaN(r2) ? "" : r2 >= 0 ? "They explain " + Words.share(r2)
                + " of the variance, in rows never seen in training."
                : "They are worse than the average of the test rows would be for all of them.";
        }
        long[] right = right(predictions);
        int[] truth = predictions.trueClasses();
        long[] frequency = new long[predictions.classes()];
        Arrays.stream(truth).forEach(label -> frequency[label]++);
        double n = right[1];
        double p = right[0] / n;
        double centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n);
        double half = Z * Math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n);
        return String.format(Locale.ROOT, "%s wrong, in rows never seen in training. For rows like these the share lies "
            + "between %s and %s (95 %% interval, Wilson); naming the most frequent class each time would give %s.",
            Words.count(right[1] - right[0]), Words.share(Math.max(0, centre - half)),
            Words.share(Math.min(1, centre + half)), Words.share(Arrays.stream(frequency).max().orElse(0) / n));
    }

    /** How many answers are right, and of how many. */
    private static long[] right(Predictions predictions) {
        int[] truth = predictions.trueClasses();
        int[] said = predictions.predictedClasses();
        long right = 0;
        for (int i = 0; i < truth.length; i++) {
            right += truth[i] == said[i] ? 1 : 0;
        }
        return new long[] {right, truth.length};
    }

    private static double error(Predictions predictions) {
        float[] truth = predictions.data().targets();
        double sum = 0;
        for (int i = 0; i < truth.length; i++) {
            sum += Math.abs((double) predictions.outputs()[i] - truth[i]);
        }
        return sum / truth.length;
    }

    /** Share of the variance of a single target; NaN for several or a constant one. */
    private static double explained(Predictions predictions) {
        float[] truth = predictions.data().targets();
        if (predictions.columns() != 1) {
            return Double.NaN;
        }
        double mean = 0;
        for (float value : truth) {
            mean += value / (double) truth.length;
        }
        double errors = 0;
        double variance = 0;
        for (int i = 0; i < truth.length; i++) {
            errors += Math.pow((double) predictions.outputs()[i] - truth[i], 2);
            variance += Math.pow(truth[i] - mean, 2);
        }
        return variance == 0 ? Double.NaN : 1 - errors / variance;
    }

    private static void tiles(Html html, Report report) {
        Outcome outcome = report.outcome();
        html.open("dl", "class", "tiles");
        outcome.test().forEach((name, value) -> tile(html, "Test " + Words.metric(name), Words.number(value)));
        int best = Curves.best(report);
        if (best >= 0) {
            EpochMetrics epoch = report.history().get(best);
            tile(html, Curves.isKept(report) ? "Epoch kept" : "Best epoch", epoch.epoch() + " of " + report.history().size());
        } else {
            tile(html, "Epochs", String.valueOf(report.history().size()));
        }
        if (!Double.isNaN(outcome.seconds())) {
            tile(html, "Time", Words.time(outcome.seconds()));
        }
        tile(html, "Parameters", Words.count(outcome.parameters()));
        tile(html, "Device", outcome.device());
        html.close();
    }

    private static void tile(Html html, String name, String value) {
        html.open("div").add("dt", name).add("dd", value).close();
    }

    private static void ended(Html html, Report report) {
        Outcome outcome = report.outcome();
        int epochs = report.history().size();
        html.open("li").text("Trained for " + epochs + (outcome.plannedEpochs() > 0 ? " of " + outcome.plannedEpochs() : "")
            + (epochs == 1 && outcome.plannedEpochs() <= 1 ? " epoch on " : " epochs on ")).name(report.data());
        if (!outcome.stopReason().isEmpty()) {
            html.text(". It ended: " + outcome.stopReason());
        }
        html.text(".");
        if (outcome.keptEpoch() > 0) {
            html.text(" The model is that of epoch " + outcome.keptEpoch() + ", the best"
                + (outcome.keptMetric() == null ? "." : " by " + Words.metric(outcome.keptMetric()) + "."));
        }
        html.close();
    }

    /** What the two loss curves say together. */
    private static void learned(Html html, Report report) {
        int best = Curves.best(report);
        int last = report.history().size() - 1;
        if (last < 1 || best < 0) {
            return;
        }
        EpochMetrics low = report.history().get(best);
        EpochMetrics end = report.history().get(last);
        if (best == last) {
            html.add("li", "The best epoch is the last one: more epochs may help.");
        } else if (end.valLoss() > NOTABLE * low.valLoss() && end.loss() < low.loss()) {
            html.add("li", "After epoch " + low.epoch() + " the validation loss rose from " + Words.number(low.valLoss())
                + " to " + Words.number(end.valLoss()) + " while the training loss fell from " + Words.number(low.loss())
                + " to " + Words.number(end.loss()) + ": what the model still learned held for the training rows alone.");
        }
    }

    private static void trouble(Html html, Report report) {
        long skipped = report.history().stream().mapToLong(EpochMetrics::skippedSteps).sum();
        if (skipped > 0) {
            html.add("li", Words.count(skipped) + " steps were skipped because a gradient was not finite; try a lower "
                + "learning rate, clipping, or scaled features.");
        }
        if (report.health() != null) {
            report.health().verdict().lines().forEach(line -> html.add("li", "Gradients: " + line + "."));
        }
        if (report.test() != null && report.test().predictions().hasClasses()) {
            ConfusionMatrix matrix = ConfusionMatrix.of(report.test().predictions());
            Confusions.pairs(matrix).stream().findFirst().filter(pair -> pair.count() > 1).ifPresent(pair -> html.open("li").text("Most often, ")
                .name(matrix.name(pair.truth())).text(" was taken for ").name(matrix.name(pair.said()))
                .text(": " + Words.count(pair.count()) + " of "
                    + Words.count(matrix.actual(pair.truth())) + ".").close());
        }
    }
}
