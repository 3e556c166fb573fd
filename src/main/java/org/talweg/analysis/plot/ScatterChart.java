package org.talweg.analysis.plot;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.DoubleStream;

/** Predictions over true values as SVG inside a web page, in the page's colours; on the diagonal they are right. */
public final class ScatterChart {
    private static final int WIDTH = 380;
    private static final int HEIGHT = 356;
    private static final double LEFT = 60;
    private static final double RIGHT = 366;
    private static final double TOP = 12;
    private static final double BOTTOM = 318;
    private static final int MOST_POINTS = 2000;

    private final float[] truth;
    private final float[] predicted;
    private final Scale scale;

    /** @throws IllegalArgumentException if there are not as many of both */
    public ScatterChart(float[] truth, float[] predicted) {
        if (truth.length != predicted.length) {
            throw new IllegalArgumentException(predicted.length + " predictions of " + truth.length + " values");
        }
        this.truth = truth;
        this.predicted = predicted;
        double[] finite = DoubleStream.concat(values(truth), values(predicted)).filter(Double::isFinite).toArray();
        scale = finite.length == 0 ? new Scale(0, 1, false)
            : Scale.even(Arrays.stream(finite).min().getAsDouble(), Arrays.stream(finite).max().getAsDouble()).widened(0.03);
    }

    private static DoubleStream values(float[] values) {
        DoubleStream.Builder builder = DoubleStream.builder();
        for (float value : values) {
            builder.add(value);
        }
        return builder.build();
    }

    /** Every so many points of more than {@value #MOST_POINTS}; those that are not finite are left out. */
    public String svg(String words) {
        StringBuilder out = new StringBuilder(String.format(Locale.ROOT,
            "<svg class=\"chart scatter\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">%n", WIDTH, HEIGHT, Markup.escape(words)));
        for (double tick : scale.ticks(5)) {
            String x = place(across(tick));
            String y = place(down(tick));
            out.append(String.format(Locale.ROOT, "<path class=\"grid\" d=\"M%s %sH%sM%s %sV%s\"/><text x=\"%s\" y=\"%s\" "
                + "dy=\".35em\" text-anchor=\"end\">%s</text><text x=\"%4$s\" y=\"%s\" dy=\"1.1em\" "
                + "text-anchor=\"middle\">%9$s</text>%n", place(LEFT), y, place(RIGHT), x, place(TOP), place(BOTTOM),
                place(LEFT - 7), y, Scale.label(tick), place(BOTTOM + 3)));
        }
        out.append(String.format(Locale.ROOT, "<path class=\"mark\" d=\"M%s %sL%s %s\"/><text x=\"%s\" y=\"%d\" dy=\"-.5em\" "
            + "text-anchor=\"end\">true</text><text transform=\"translate(13 %s) rotate(-90)\" "
            + "text-anchor=\"end\">predicted</text>%n", place(LEFT), place(BOTTOM), place(RIGHT), place(TOP), place(RIGHT),
            HEIGHT, place(TOP)));
        out.append("<path class=\"points\" d=\"");
        int apart = (truth.length + MOST_POINTS - 1) / MOST_POINTS;
        for (int i = 0; i < truth.length; i += apart) {
            if (Float.isFinite(truth[i]) && Float.isFinite(predicted[i])) {
                // A dot: the round end of a line without length.
                out.append('M').append(place(across(truth[i]))).append(' ').append(place(down(predicted[i]))).append("h0");
            }
        }
        return out.append("\"/>\n</svg>\n").toString();
    }

    private double across(double value) {
        return LEFT + scale.position(value) * (RIGHT - LEFT);
    }

    private double down(double value) {
        return BOTTOM - scale.position(value) * (BOTTOM - TOP);
    }

    private static String place(double value) {
        return SvgCanvas.number(value, 1);
    }
}
