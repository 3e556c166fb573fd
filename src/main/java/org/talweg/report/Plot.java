package org.talweg.report;

import java.util.List;
import org.talweg.analysis.plot.LineChart;
import org.talweg.analysis.plot.LineChart.Axis;
import org.talweg.analysis.plot.LineChart.Series;

/** A chart with its heading, and a legend that gives the values at one epoch: the marked one, or where a reader points. */
final class Plot {
    private Plot() {
    }

    /**
     * @param marked  index of the epoch with a line of its own, or −1
     * @param caption what that epoch is
     * @param on      index of the curve whose value is marked
     * @param words   what the curves show
     */
    static void add(Html html, String heading, double[] epochs, List<Series> series, Axis axis, int marked,
                    String caption, int on, String words) {
        LineChart chart = new LineChart(epochs, series, axis, words);
        html.open("figure", "class", "plot").open("h3").text(heading);
        if (chart.isLogarithmic()) {
            html.text(" ").add("small", "logarithmic");
        }
        html.close().markup(chart.svg(marked, caption, on));
        int shown = marked >= 0 ? marked : epochs.length - 1;
        html.open("figcaption").open("span", "class", "at").text("epoch " + Words.plain((float) epochs[shown])).close();
        html.open("ul", "class", "legend");
        for (Series one : series) {
            html.open("li", "style", "color:" + one.color()).add("span", "", "class", "swatch")
                .open("span", "class", "label").name(one.name()).close()
                .add("b", Words.number(one.values()[shown])).close();
        }
        html.close().close().close();
    }
}
