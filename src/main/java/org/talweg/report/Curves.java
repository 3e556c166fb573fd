package org.talweg.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.talweg.analysis.plot.LineChart.Axis;
import org.talweg.analysis.plot.LineChart.Series;
import org.talweg.train.EpochMetrics;
import org.talweg.train.Metrics;

/** How losses, metrics and the learning rate went, epoch by epoch: as charts, and as a table. */
final class Curves {
    static final String TRAIN = "var(--train)";
    static final String VALIDATION = "var(--validation)";
    /** Of a chart; more would not be seen. */
    private static final int MOST_POINTS = 1000;
    private static final int MOST_LINES = 100;
    /** Not worth a column of their own. */
    private static final Set<String> LEFT_OUT = Set.of("steps", "skipped_steps");

    private Curves() {
    }

    /** Index of the epoch that was kept, else of the one that was best by its loss; −1 if there is none. */
    static int best(Report report) {
        List<EpochMetrics> history = report.history();
        int best = -1;
        for (int i = 0; i < history.size(); i++) {
            if (history.get(i).epoch() == report.outcome().keptEpoch()) {
                return i;
            }
            double loss = loss(history.get(i));
            if (Double.isFinite(loss) && (best < 0 || loss < loss(history.get(best)))) {
                best = i;
            }
        }
        return report.outcome().keptEpoch() > 0 ? -1 : best;
    }

    static boolean isKept(Report report) {
        return report.outcome().keptEpoch() > 0;
    }

    private static double loss(EpochMetrics epoch) {
        return Double.isNaN(epoch.valLoss()) ? epoch.loss() : epoch.valLoss();
    }

    static void add(Html html, Report report) {
        html.section("curves", "Learning curves");
        if (report.history().isEmpty()) {
            html.add("p", "No epoch was finished.").close();
            return;
        }
        int best = best(report);
        List<EpochMetrics> shown = thinned(report.history(), MOST_POINTS, best);
        String caption = best < 0 ? "" : "epoch " + report.history().get(best).epoch() + (isKept(report) ? ", kept" : ", best");
        int marked = best < 0 ? -1 : shown.indexOf(report.history().get(best));
        html.open("div", "class", "plots");
        charts(report.history()).forEach((name, curves) ->
            chart(html, name, curves, shown, marked, caption));
        html.close();
        if (shown.size() < report.history().size()) {
            html.add("p", "The charts show " + shown.size() + " of " + Words.count(report.history().size())
                + " epochs, evenly spread; metrics.jsonl has them all.", "class", "note");
        }
        table(html, report.history(), best);
        html.close();
    }

    /** The names of the curves in each chart, by its heading. */
    private static Map<String, List<String>> charts(List<EpochMetrics> history) {
        Map<String, List<String>> charts = new LinkedHashMap<>();
        for (String name : names(history)) {
            if (!name.equals("gradient_norm") && !name.equals("samples_per_second")) {
                String words = name.startsWith("val_") ? name.substring(4) : name;
                charts.computeIfAbsent(words, key -> new ArrayList<>()).add(name);
            }
        }
        return charts;
    }

    /** Of the values that any epoch has. */
    private static List<String> names(List<EpochMetrics> history) {
        return history.stream().flatMap(epoch -> epoch.values().keySet().stream()).distinct()
            .filter(name -> !LEFT_OUT.contains(name)).toList();
    }

    private static double value(EpochMetrics epoch, String name) {
        return epoch.values().getOrDefault(name, Double.NaN);
    }

    private static void chart(Html html, String heading, List<String> curves, List<EpochMetrics> shown, int marked,
                              String caption) {
        List<Series> series = new ArrayList<>();
        StringBuilder words = new StringBuilder();
        for (String name : curves) {
            boolean validation = name.startsWith("val_");
            double[] values = shown.stream().mapToDouble(epoch -> value(epoch, name)).toArray();
            String label = heading.equals("learning_rate") ? "learning rate" : validation ? "validation" : "training";
            series.add(new Series(label, validation ? VALIDATION : TRAIN, values));
            words.append(label).append(" from ").append(Words.number(values[0])).append(" to ")
                .append(Words.number(values[values.length - 1])).append(", ");
        }
        String title = heading.substring(0, 1).toUpperCase(Locale.ROOT) + Words.metric(heading).substring(1);
        words.insert(0, title + " over epochs " + shown.get(0).epoch() + " to " + shown.get(shown.size() - 1).epoch() + ": ");
        words.append(marked < 0 ? "no epoch is marked" : caption);
        Axis axis = heading.equals("learning_rate") ? Axis.ZERO
            : Metrics.higherIsBetter(heading) ? Axis.EVEN : Axis.WIDE;
        Plot.add(html, title, shown.stream().mapToDouble(EpochMetrics::epoch).toArray(), series, axis, marked, caption,
            series.size() - 1, words.toString());
    }

    /** Evenly spread, with the last and the best among them. */
    private static List<EpochMetrics> thinned(List<EpochMetrics> history, int most, int best) {
        int apart = (history.size() + most - 1) / most;
        return IntStream.range(0, history.size())
            .filter(i -> i % apart == 0 || i == best || i == history.size() - 1).mapToObj(history::get).toList();
    }

    private static void table(Html html, List<EpochMetrics> history, int best) {
        List<String> names = names(history);
        List<EpochMetrics> lines = thinned(history, MOST_LINES, best);
        html.open("details").add("summary", "The same as a table");
        html.scrolling("Values of each epoch").open("table", "class", "numbers");
        html.open("thead").open("tr").add("th", "epoch", "scope", "col");
        names.forEach(name -> html.add("th", Words.metric(name), "scope", "col"));
        html.close().close().open("tbody");
        for (EpochMetrics epoch : lines) {
            boolean marked = best >= 0 && epoch == history.get(best);
            html.open("tr", "class", marked ? "best" : "");
            html.add("th", epoch.epoch() + (marked ? " ★" : ""), "scope", "row");
            names.forEach(name -> html.add("td", epoch.values().containsKey(name) ? Words.number(value(epoch, name)) : ""));
            html.close();
        }
        html.close().close().close().close();
    }
}
