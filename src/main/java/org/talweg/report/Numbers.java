package org.talweg.report;

import org.talweg.analysis.plot.ScatterChart;
import org.talweg.train.Predictions;

/** Predicted numbers beside the true ones: what confusions are to classes. */
final class Numbers {
    private static final int MOST_TARGETS = 6;

    private Numbers() {
    }

    static void add(Html html, Report report) {
        if (report.test() == null || report.test().predictions().hasClasses()) {
            return;
        }
        Predictions predictions = report.test().predictions();
        int columns = predictions.columns();
        html.section("predictions", "Predictions");
        html.add("p", "Each point is a test row; on the dashed line the prediction is right, above it too high.");
        html.open("div", "class", "plots small");
        for (int column = 0; column < Math.min(columns, MOST_TARGETS); column++) {
            float[] truth = column(predictions.data().targets(), column, columns);
            float[] said = column(predictions.outputs(), column, columns);
            String name = predictions.data().targetNames().get(column);
            html.open("figure").open("h3").name(name).close();
            html.markup(new ScatterChart(truth, said).svg("Predictions of " + name + " over its true values, "
                + truth.length + " test rows; mean absolute error " + Words.number(error(truth, said)))).close();
        }
        html.close();
        if (columns > MOST_TARGETS) {
            html.add("p", "The first " + MOST_TARGETS + " of " + columns + " targets.", "class", "note");
        }
        html.close();
    }

    private static float[] column(float[] values, int column, int columns) {
        float[] result = new float[values.length / columns];
        for (int i = 0; i < result.length; i++) {
            result[i] = values[i * columns + column];
        }
        return result;
    }

    private static double error(float[] truth, float[] said) {
        double sum = 0;
        for (int i = 0; i < truth.length; i++) {
            sum += Math.abs((double) said[i] - truth[i]);
        }
        return sum / truth.length;
    }
}
