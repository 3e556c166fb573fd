package org.talweg.train;

import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** The metrics. Formulas and averages are scikit-learn's, names Keras's where it has one. */
public final class Metrics {
    private static final List<String> RISING =
        List.of("accuracy", "precision", "recall", "f1", "auc", "r2", "score");

    private Metrics() {
    }

    /** Share of rows whose class was predicted. */
    public static Metric accuracy() {
        return Metric.of("accuracy", Metrics::accuracy);
    }

    /** Share of rows whose class has one of the k largest outputs; of equal ones the first count as larger. */
    public static Metric topK(int k) {
        if (k < 1) {
            throw new IllegalArgumentException("the top " + k + " classes; at least 1 is needed");
        }
        return Metric.of("top_" + k + "_accuracy", predictions -> topK(predictions, k));
    }

    /** Of what was said to be a class, the share that is. Binary for two classes, else macro. */
    public static Metric precision() {
        return Metric.of("precision", p -> average(p, usual(p), Metrics::precision));
    }

    public static Metric precision(Average average) {
        return Metric.of(name("precision", average), p -> average(p, average, Metrics::precision));
    }

    /** Of what is a class, the share that was said to be. Binary for two classes, else macro. */
    public static Metric recall() {
        return Metric.of("recall", p -> average(p, usual(p), Metrics::recall));
    }

    public static Metric recall(Average average) {
        return Metric.of(name("recall", average), p -> average(p, average, Metrics::recall));
    }

    /** The harmonic mean of precision and recall. Binary for two classes, else macro. */
    public static Metric f1() {
        return Metric.of("f1", p -> average(p, usual(p), Metrics::f1));
    }

    public static Metric f1(Average average) {
        return Metric.of(name("f1", average), p -> average(p, average, Metrics::f1));
    }

    /**
     * Area under the ROC curve: how often a row of the class has a higher score than one of another, equal scores
     * counting half (Mann and Whitney). For more than two classes the mean over each class against the rest, of those
     * that occur; NaN where there is but one class.
     */
    public static Metric rocAuc() {
        return Metric.of("auc", Metrics::rocAuc);
    }

    /** Mean of |prediction − target| over all rows and columns. */
    public static Metric mae() {
        return Metric.of("mae", p -> meanError(p, Math::abs));
    }

    /** Root of the mean of (prediction − target)² over all rows and columns. */
    public static Metric rmse() {
        return Metric.of("rmse", p -> Math.sqrt(meanError(p, error -> error * error)));
    }

    /**
     * R² = 1 − Σ (target − prediction)² / Σ (target − mean target)², the mean over columns. A constant column counts 1
     * if it is predicted exactly, else 0.
     */
    public static Metric rSquared() {
        return Metric.of("r2", Metrics::rSquared);
    }

    /**
     * Whether a higher value of this metric is better: so it is for names with accuracy, precision, recall, f1, auc, r2
     * or score in them, and not for losses and errors.
     *
     * @param name with or without {@code val_}
     */
    public static boolean higherIsBetter(String name) {
        return RISING.stream().anyMatch(name::contains);
    }

    private static double accuracy(Predictions predictions) {
        int[] truth = predictions.trueClasses();
        int[] predicted = predictions.predictedClasses();
        return IntStream.range(0, truth.length).filter(i -> truth[i] == predicted[i]).count() / (double) truth.length;
    }

    private static double topK(Predictions p, int k) {
        if (p.columns() == 1 || !p.data().isClassification()) {
            throw new IllegalArgumentException("the top " + k + " classes of " + p.data().name()
                + ": the model has no output per class; use accuracy");
        }
        int hits = 0;
        for (int row = 0; row < p.rows(); row++) {
            int label = p.data().labels()[row];
            int before = 0;
            for (int column = 0; column < p.columns(); column++) {
                float output = p.output(row, column);
                float own = p.output(row, label);
                if (Float.isNaN(output)) {
                    before = k;
                } else if (output > own || output == own && column < label) {
                    before++;
                }
            }
            hits += before < k ? 1 : 0;
        }
        return hits / (double) p.rows();
    }

    private interface OfCounts {
        /** @param hits true positives, of so many {@code predicted} and {@code actual} */
        double of(double hits, double predicted, double actual);
    }

    private static double precision(double hits, double predicted, double actual) {
        return predicted == 0 ? 0 : hits / predicted;
    }

    private static double recall(double hits, double predicted, double actual) {
        return actual == 0 ? 0 : hits / actual;
    }

    private static double f1(double hits, double predicted, double actual) {
        return predicted + actual == 0 ? 0 : 2 * hits / (predicted + actual);
    }

    private static Average usual(Predictions predictions) {
        return predictions.classes() == 2 ? Average.BINARY : Average.MACRO;
    }

    private static double average(Predictions predictions, Average average, OfCounts figure) {
        ConfusionMatrix matrix = ConfusionMatrix.of(predictions);
        int classes = predictions.classes();
        if (average == Average.BINARY) {
            if (classes != 2) {
                throw new IllegalArgumentException("a binary average over the " + classes + " classes of "
                    + predictions.data().name() + "; use macro or micro");
            }
            return figure.of(matrix.truePositives(1), matrix.predicted(1), matrix.actual(1));
        }
        double hits = 0;
        double rows = 0;
        double sum = 0;
        int present = 0;
        for (int i = 0; i < classes; i++) {
            hits += matrix.truePositives(i);
            rows += matrix.actual(i);
            if (matrix.predicted(i) + matrix.actual(i) > 0) {
                sum += figure.of(matrix.truePositives(i), matrix.predicted(i), matrix.actual(i));
                present++;
            }
        }
        return average == Average.MICRO ? figure.of(hits, rows, rows) : sum / present;
    }

    private static double rocAuc(Predictions predictions) {
        int[] truth = predictions.trueClasses();
        if (predictions.classes() == 2) {
            return area(predictions.scores(1), truth, 1);
        }
        return IntStream.range(0, predictions.classes()).mapToDouble(c -> area(predictions.scores(c), truth, c))
            .filter(area -> !Double.isNaN(area)).average().orElse(Double.NaN);
    }

    private static double area(double[] scores, int[] truth, int positive) {
        Integer[] order = IntStream.range(0, scores.length).boxed()
            .sorted((a, b) -> Double.compare(scores[a], scores[b])).toArray(Integer[]::new);
        double positives = 0;
        double won = 0;
        double negatives = 0;
        for (int from = 0; from < order.length; ) {
            int to = from;
            double up = 0;
            double down = 0;
            while (to < order.length && scores[order[to]] == scores[order[from]]) {
                if (truth[order[to]] == positive) {
                    up++;
                } else {
                    down++;
                }
                to++;
            }
            if (to == from) {
                return Double.NaN;
            }
            won += up * (negatives + down / 2);
            positives += up;
            negatives += down;
            from = to;
        }
        return won / (positives * negatives);
    }

    private interface OfError {
        double of(double error);
    }

    private static double meanError(Predictions predictions, OfError value) {
        float[] targets = predictions.numbers();
        double sum = 0;
        for (int i = 0; i < targets.length; i++) {
            sum += value.of((double) predictions.outputs()[i] - targets[i]);
        }
        return sum / targets.length;
    }

    private static double rSquared(Predictions p) {
        double sum = 0;
        for (int column = 0; column < p.columns(); column++) {
            sum += rSquared(p, column);
        }
        return sum / p.columns();
    }

    private static double rSquared(Predictions p, int column) {
        float[] targets = p.numbers();
        double mean = 0;
        for (int row = 0; row < p.rows(); row++) {
            mean += targets[row * p.columns() + column];
        }
        mean /= p.rows();
        double residual = 0;
        double total = 0;
        for (int row = 0; row < p.rows(); row++) {
            double target = targets[row * p.columns() + column];
            residual += Math.pow(target - p.output(row, column), 2);
            total += Math.pow(target - mean, 2);
        }
        return total > 0 ? 1 - residual / total : residual == 0 ? 1 : residual > 0 ? 0 : Double.NaN;
    }

    private static String name(String figure, Average average) {
        return figure + "_" + average.name().toLowerCase(Locale.ROOT);
    }
}
