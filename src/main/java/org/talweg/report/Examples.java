package org.talweg.report;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.talweg.data.Dataset;
import org.talweg.train.Evaluator.Judged;
import org.talweg.train.Predictions;

/** The test rows with the largest loss, as images or by their features. */
final class Examples {
    private static final int MOST_IMAGES = 24;
    private static final int MOST_ROWS = 12;
    /** Features of a row in the table; of more, those are shown that are most unusual. */
    private static final int MOST_FEATURES = 6;

    private static final int USUAL_ROWS = 4096;

    private final Html html;
    private final Judged test;
    private final Predictions predictions;
    private final Dataset rows;

    private Examples(Html html, Report report) {
        this.html = html;
        test = report.test();
        predictions = test.predictions();
        rows = report.testRows();
    }

    static void add(Html html, Report report) {
        if (report.test() == null) {
            return;
        }
        Examples examples = new Examples(html, report);
        PixelImage image = PixelImage.of(report.testRows().rowShape());
        int[] worst = examples.worst(image == null ? MOST_ROWS : MOST_IMAGES);
        html.section("examples", "Worst examples");
        html.add("p", "The " + worst.length + " test rows with the largest loss" + (report.test().predictions().hasClasses()
            ? ": where the model was surest of something else, or least sure of what is true." : "."));
        if (image != null) {
            examples.images(image, worst);
        } else {
            examples.table(worst);
        }
        html.close();
    }

    /** NaN is the worst of all. */
    private int[] worst(int most) {
        return IntStream.range(0, predictions.rows()).boxed()
            .sorted(Comparator.comparing((Integer row) -> test.losses()[row]).reversed()).limit(most)
            .mapToInt(row -> row).toArray();
    }

    private void images(PixelImage image, int[] worst) {
        float low = Float.POSITIVE_INFINITY;
        float high = Float.NEGATIVE_INFINITY;
        for (float value : some().features()) {
            low = Float.isFinite(value) ? Math.min(low, value) : low;
            high = Float.isFinite(value) ? Math.max(high, value) : high;
        }
        html.open("ul", "class", "images");
        for (int row : worst) {
            html.open("li", "class", isRight(row) ? "right" : "wrong");
            html.empty("img", "src", image.dataUri(features(row), low, high), "alt", "test row " + row + ": is "
                + truth(row) + ", said to be " + said(row), "width", String.valueOf(image.width()), "height",
                String.valueOf(image.height()));
            html.open("p").add("span", "is ").open("b").name(truth(row)).close().close();
            html.open("p").add("span", isRight(row) ? "said " : "taken for ").open("b").name(answer(row)).close().close();
            double sure = sure(row);
            if (!Double.isNaN(sure)) {
                html.add("p", Words.share(sure) + " sure", "class", "note");
            }
            html.add("p", "loss " + Words.number(test.losses()[row]), "class", "note");
            html.add("p", "row " + row, "class", "note").close();
        }
        html.close();
    }

    private float[] features(int row) {
        return rows.select(row).features();
    }

    /** Enough rows to know what is usual, of what may be more than fits into memory. */
    private Dataset some() {
        return rows.select(IntStream.range(0, Math.min(rows.rows(), USUAL_ROWS)).toArray());
    }

    private boolean isRight(int row) {
        return truth(row).equals(answer(row));
    }

    private String truth(int row) {
        if (predictions.data().isClassification()) {
            return predictions.data().classNames().get(predictions.data().labels()[row]);
        }
        int columns = predictions.data().targetNames().size();
        return IntStream.range(0, columns).mapToObj(i -> Words.plain(predictions.data().targets()[row * columns + i]))
            .collect(Collectors.joining(", "));
    }

    /** What the model says, and how sure it is where that is known. */
    private String said(int row) {
        double sure = sure(row);
        return answer(row) + (Double.isNaN(sure) ? "" : ", " + Words.share(sure));
    }

    private String answer(int row) {
        Dataset data = predictions.data();
        if (data.isClassification()) {
            int said = predictions.predictedClasses()[row];
            return said < 0 ? "nothing: not a number" : data.classNames().get(said);
        }
        int columns = predictions.columns();
        return IntStream.range(row * columns, (row + 1) * columns).mapToObj(i -> predictions.hasClasses()
            ? predictions.outputs()[i] > predictions.threshold() ? "1" : "0"
            : Words.number(predictions.outputs()[i])).collect(Collectors.joining(", "));
    }

    /** The softmax probability of the answer; NaN if there is not one output for each class. */
    private double sure(int row) {
        if (!predictions.data().isClassification() || predictions.columns() == 1) {
            return Double.NaN;
        }
        double largest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < predictions.columns(); i++) {
            largest = Math.max(largest, predictions.output(row, i));
        }
        double sum = 0;
        for (int i = 0; i < predictions.columns(); i++) {
            sum += Math.exp(predictions.output(row, i) - largest);
        }
        return 1 / sum;
    }

    private void table(int[] worst) {
        boolean all = rows.columns() <= MOST_FEATURES;
        double[][] usual = usual();
        html.scrolling("Worst examples").open("table", "class", "numbers examples");
        html.open("thead").open("tr").add("th", "row", "scope", "col").add("th", "is", "scope", "col")
            .add("th", "said", "scope", "col").add("th", "loss", "scope", "col");
        if (all) {
            rows.featureNames().forEach(name -> html.open("th", "scope", "col").name(name).close());
        } else {
            html.add("th", "what is most unusual in it, in standard deviations of the test rows", "scope", "col");
        }
        html.close().close().open("tbody");
        for (int row : worst) {
            html.open("tr", "class", predictions.hasClasses() && !isRight(row) ? "wrong" : "");
            html.add("th", String.valueOf(row), "scope", "row").open("td").name(truth(row)).close()
                .open("td").name(said(row)).close().add("td", Words.number(test.losses()[row]));
            float[] values = features(row);
            if (all) {
                for (float value : values) {
                    html.add("td", Words.plain(value));
                }
            } else {
                unusual(values, usual);
            }
            html.close();
        }
        html.close().close().close();
    }

    private void unusual(float[] values, double[][] usual) {
        html.open("td", "class", "features");
        IntStream.range(0, values.length).boxed()
            .sorted(Comparator.comparingDouble((Integer i) -> Math.abs(deviation(values, usual, i))).reversed())
            .limit(MOST_FEATURES).forEach(i -> html.open("span").name(rows.featureNames().get(i)).text(" ")
                .add("b", Words.plain(values[i]))
                .text(String.format(Locale.ROOT, " (%+.1f)", deviation(values, usual, i)).replace('-', '−')).close());
        html.close();
    }

    private static double deviation(float[] values, double[][] usual, int feature) {
        double deviation = (values[feature] - usual[0][feature]) / usual[1][feature];
        return Double.isFinite(deviation) ? deviation : 0;
    }

    /** Means and standard deviations of the features. */
    private double[][] usual() {
        Dataset some = some();
        float[] features = some.features();
        int columns = some.columns();
        double[] mean = new double[columns];
        double[] deviation = new double[columns];
        for (int i = 0; i < features.length; i++) {
            mean[i % columns] += features[i] / (double) some.rows();
        }
        for (int i = 0; i < features.length; i++) {
            deviation[i % columns] += Math.pow(features[i] - mean[i % columns], 2) / some.rows();
        }
        for (int i = 0; i < columns; i++) {
            deviation[i] = Math.sqrt(deviation[i]);
        }
        return new double[][] {mean, deviation};
    }
}
