package org.talweg.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.talweg.analysis.plot.Markup;
import org.talweg.train.ConfusionMatrix;

/** Which class was taken for which: as numbers for few classes, as a picture for many, and the most frequent in words. */
final class Confusions {
    /** More classes than this are too many for a table of numbers. */
    static final int MOST_NUMBERS = 25;
    private static final int MOST_PAIRS = 10;
    /** Of a picture's cell. */
    private static final int CELL = 10;
    private static final int LONGEST_NAME = 16;
    /** Of names above columns; longer ones turn all of them upright. */
    private static final int LONGEST_LEVEL = 4;

    private Confusions() {
    }

    /** @param count how often {@code truth} was taken for {@code said} */
    record Pair(int truth, int said, long count) {
    }

    /** Mistakes, the most frequent first. */
    static List<Pair> pairs(ConfusionMatrix matrix) {
        List<Pair> pairs = new ArrayList<>();
        for (int truth = 0; truth < matrix.counts().length; truth++) {
            for (int said = 0; said < matrix.counts().length; said++) {
                if (said != truth && matrix.counts()[truth][said] > 0) {
                    pairs.add(new Pair(truth, said, matrix.counts()[truth][said]));
                }
            }
        }
        pairs.sort(Comparator.comparingLong(Pair::count).reversed());
        return pairs;
    }

    static void add(Html html, Report report) {
        if (report.test() == null || !report.test().predictions().hasClasses()) {
            return;
        }
        ConfusionMatrix matrix = ConfusionMatrix.of(report.test().predictions());
        html.section("confusions", "Confusions");
        html.add("p", "Test rows by what they are (lines) and what the model says (columns). The diagonal is right; the "
            + "stronger the colour, the larger the share of the line.");
        html.open("div", "class", "beside");
        html.scrolling("Confusion matrix");
        if (matrix.counts().length <= MOST_NUMBERS) {
            table(html, matrix);
        } else {
            html.markup(picture(matrix));
        }
        html.close().open("div", "class", "beside rest");
        frequent(html, matrix);
        classes(html, matrix);
        html.close().close().close();
    }

    private static void table(Html html, ConfusionMatrix matrix) {
        int classes = matrix.counts().length;
        html.open("table", "class", "confusion" + (classes > 12 ? " dense" : ""));
        html.open("caption", "class", "unseen").text("Rows of the test by true class and predicted class").close();
        html.open("thead").open("tr").open("th", "class", "corner", "scope", "col").text("is \\ said").close();
        boolean upright = IntStream.range(0, classes).anyMatch(i -> matrix.name(i).length() > LONGEST_LEVEL);
        for (int said = 0; said < classes; said++) {
            html.open("th", "class", upright ? "upright" : "", "scope", "col", "title", matrix.name(said)).open("span").name(matrix.name(said)).close().close();
        }
        html.close().close().open("tbody");
        for (int truth = 0; truth < classes; truth++) {
            html.open("tr").open("th", "scope", "row", "title", matrix.name(truth)).name(matrix.name(truth)).close();
            for (int said = 0; said < classes; said++) {
                long count = matrix.counts()[truth][said];
                html.add("td", count == 0 ? "·" : String.valueOf(count), "class", kind(truth, said, count), "style",
                    "--share:" + shade(matrix, truth, count));
            }
            html.close();
        }
        html.close().close();
    }

    private static String kind(int truth, int said, long count) {
        return count == 0 ? "none" : truth == said ? "right" : "wrong";
    }

    /** How strong a colour: so that a single mistake among many rows is still seen. */
    private static String shade(ConfusionMatrix matrix, int truth, long count) {
        double share = (double) count / Math.max(1, matrix.actual(truth));
        return count == 0 ? "0" : String.format(Locale.ROOT, "%.2f", 0.16 + 0.84 * Math.sqrt(share));
    }

    private static String picture(ConfusionMatrix matrix) {
        int classes = matrix.counts().length;
        int edge = 100;
        StringBuilder svg = new StringBuilder(String.format(Locale.ROOT, "<svg class=\"matrix\" viewBox=\"0 0 %d %d\" "
            + "role=\"img\" aria-label=\"Confusion matrix of %d classes; the tables below it give the numbers\">%n",
            edge + classes * CELL + 2, edge + classes * CELL + 2, classes));
        svg.append(String.format(Locale.ROOT, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%3$d\"/>%n", edge,
            edge, classes * CELL));
        for (int truth = 0; truth < classes; truth++) {
            int at = edge + truth * CELL;
            String name = Markup.escape(shortened(matrix.name(truth)));
            svg.append(String.format(Locale.ROOT, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>"
                + "<text transform=\"translate(%d %d) rotate(-90)\">%3$s</text>%n", edge - 4, at + 8, name, at + 8, edge - 4));
            for (int said = 0; said < classes; said++) {
                long count = matrix.counts()[truth][said];
                if (count > 0) {
                    svg.append(String.format(Locale.ROOT, "<rect class=\"%s\" style=\"--share:%s\" x=\"%d\" y=\"%d\" "
                        + "width=\"%d\" height=\"%5$d\"><title>%s</title></rect>%n", kind(truth, said, count),
                        shade(matrix, truth, count), edge + said * CELL, at, CELL, Markup.escape(matrix.name(truth)
                            + (truth == said ? " was found " : " was taken for " + matrix.name(said) + " ") + count + " of "
                            + matrix.actual(truth) + " times")));
                }
            }
        }
        return svg.append("</svg>\n").toString();
    }

    private static String shortened(String name) {
        int[] letters = name.codePoints().toArray();
        int half = LONGEST_NAME / 2;
        return letters.length <= LONGEST_NAME ? name
            : new String(letters, 0, half) + "…" + new String(letters, letters.length - half + 1, half - 1);
    }

    private static void frequent(Html html, ConfusionMatrix matrix) {
        List<Pair> pairs = pairs(matrix);
        html.open("div").add("h3", "Most frequent mistakes");
        if (pairs.isEmpty()) {
            html.add("p", "None.").close();
            return;
        }
        html.scrolling("Most frequent mistakes").open("table", "class", "numbers mistakes").heads("is", "taken for", "rows", "of the class");
        html.open("tbody");
        for (Pair pair : pairs.subList(0, Math.min(MOST_PAIRS, pairs.size()))) {
            html.open("tr").open("th", "scope", "row").name(matrix.name(pair.truth())).close()
                .open("th", "scope", "row").name(matrix.name(pair.said())).close()
                .add("td", Words.count(pair.count()))
                .add("td", Words.share((double) pair.count() / matrix.actual(pair.truth()))).close();
        }
        html.close().close().close().close();
    }

    /** All of few classes; of many, first those that are known least. */
    private static void classes(Html html, ConfusionMatrix matrix) {
        int[] all = IntStream.range(0, matrix.counts().length).toArray();
        html.open("div");
        if (all.length <= MOST_NUMBERS) {
            html.add("h3", "Class by class");
            classes(html, matrix, all);
        } else {
            html.add("h3", "Classes with the lowest F1");
            classes(html, matrix, IntStream.of(all).boxed().sorted(Comparator.comparingDouble(i -> f1(matrix, i)))
                .limit(MOST_PAIRS).mapToInt(i -> i).toArray());
            html.open("details").add("summary", "All " + all.length + " classes");
            classes(html, matrix, all);
            html.close();
        }
        html.add("p", "Precision: of what was said to be the class, the share that is. Recall: of what is the class, the "
            + "share that was found. F1: their harmonic mean.", "class", "note").close();
    }

    private static double f1(ConfusionMatrix matrix, int i) {
        return 2.0 * matrix.truePositives(i) / (matrix.predicted(i) + matrix.actual(i));
    }

    private static void classes(Html html, ConfusionMatrix matrix, int[] which) {
        html.scrolling("Precision and recall of each class").open("table", "class", "numbers");
        html.heads("class", "rows", "precision", "recall", "F1").open("tbody");
        for (int i : which) {
            long right = matrix.truePositives(i);
            long said = matrix.predicted(i);
            long actual = matrix.actual(i);
            html.open("tr").open("th", "scope", "row").name(matrix.name(i)).close().add("td", Words.count(actual))
                .add("td", said == 0 ? "–" : Words.share((double) right / said))
                .add("td", actual == 0 ? "–" : Words.share((double) right / actual))
                .add("td", said + actual == 0 ? "–" : Words.share(f1(matrix, i))).close();
        }
        html.close().close().close();
    }
}
