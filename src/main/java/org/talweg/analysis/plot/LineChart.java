package org.talweg.analysis.plot;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * Curves over epochs as SVG inside a web page: colours are CSS variables and sizes of letters are left to the page, so
 * that it follows dark mode, paper and narrow screens. It is whole without a script; for one that shows values, the
 * numbers themselves stand in {@code data-x} and {@code data-values}.
 */
public final class LineChart {
    private static final int WIDTH = 480;
    private static final int HEIGHT = 270;
    private static final double LEFT = 60;
    private static final double RIGHT = 466;
    private static final double TOP = 22;
    private static final double BOTTOM = 232;

    /**
     * One curve, with gaps where its values are not finite.
     *
     * @param color in CSS, such as {@code var(--train)}
     */
    public record Series(String name, String color, double[] values) {
    }

    /** Where an axis begins and how it goes on. */
    public enum Axis {
        /** From 0, evenly: rates. */
        ZERO,
        /** Around the values, evenly: shares. */
        EVEN,
        /** Around the values, by their logarithms if they are wide apart: losses and norms. */
        WIDE
    }

    private final double[] x;
    private final List<Series> series;
    private final String words;
    private final Scale horizontal;
    private final Scale vertical;
    private final StringBuilder out = new StringBuilder();

    /**
     * @param x     epochs, rising
     * @param words what the curves show, for those who cannot see them
     * @throws IllegalArgumentException if a curve has not one value for each epoch, or there is none
     */
    public LineChart(double[] x, List<Series> series, Axis axis, String words) {
        if (x.length == 0 || series.isEmpty()) {
            throw new IllegalArgumentException("a chart of " + series.size() + " curves over " + x.length
                + " epochs; at least one of both is needed");
        }
        for (Series one : series) {
            if (one.values.length != x.length) {
                throw new IllegalArgumentException(one.name + " has " + one.values.length + " values for " + x.length
                    + " epochs");
            }
        }
        this.x = x;
        this.series = series;
        this.words = words;
        horizontal = Scale.even(x[0], x[x.length - 1]);
        double[] all = series.stream().flatMapToDouble(one -> Arrays.stream(one.values)).filter(Double::isFinite).toArray();
        Scale wide = Scale.of(all);
        vertical = switch (axis) {
            case WIDE -> wide.widened(0.04);
            case EVEN -> even(all).widened(0.04);
            case ZERO -> Scale.even(0, Arrays.stream(all).max().orElse(1)).widened(0);
        };
    }

    private static Scale even(double[] values) {
        return values.length == 0 ? Scale.even(0, 1)
            : Scale.even(Arrays.stream(values).min().getAsDouble(), Arrays.stream(values).max().getAsDouble());
    }

    public boolean isLogarithmic() {
        return vertical.logarithmic();
    }

    private double across(double epoch) {
        return LEFT + horizontal.position(epoch) * (RIGHT - LEFT);
    }

    private double down(double value) {
        return BOTTOM - vertical.position(value) * (BOTTOM - TOP);
    }

    /**
     * @param marked  index of the epoch with a line of its own, or −1
     * @param caption what that epoch is
     * @param on      index of the curve whose value is marked there
     */
    public String svg(int marked, String caption, int on) {
        out.setLength(0);
        add("<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\" data-x=\"%s\" data-from=\"%s\" "
            + "data-to=\"%s\">%n", WIDTH, HEIGHT, Markup.escape(words), numbers(x), place(across(x[0])),
            place(across(x[x.length - 1])));
        axes();
        if (marked >= 0) {
            mark(across(x[marked]), caption);
        }
        series.forEach(this::curve);
        if (marked >= 0 && Double.isFinite(series.get(on).values[marked])) {
            add("<circle class=\"best\" cx=\"%s\" cy=\"%s\" r=\"4.5\" style=\"color:%s\"/>%n", place(across(x[marked])),
                place(down(series.get(on).values[marked])), series.get(on).color);
        }
        return out.append("</svg>\n").toString();
    }

    private void axes() {
        for (double tick : vertical.ticks(5)) {
            add("<path class=\"grid\" d=\"M%s %sH%s\"/><text x=\"%s\" y=\"%s\" dy=\".35em\" text-anchor=\"end\">%s</text>%n",
                place(LEFT), place(down(tick)), place(RIGHT), place(LEFT - 7), place(down(tick)), Scale.label(tick));
        }
        for (double tick : horizontal.ticks(6)) {
            if (tick == Math.rint(tick) && tick >= x[0] && tick <= x[x.length - 1]) {
                add("<path class=\"tick\" d=\"M%s %sv5\"/><text x=\"%s\" y=\"%s\" dy=\"1.3em\" text-anchor=\"middle\">%s</text>%n",
                    place(across(tick)), place(BOTTOM), place(across(tick)), place(BOTTOM + 3), Scale.label(tick));
            }
        }
        add("<path class=\"tick\" d=\"M%s %sH%s\"/>%n", place(LEFT), place(BOTTOM), place(RIGHT));
    }

    private void mark(double at, String caption) {
        boolean left = at > (LEFT + RIGHT) / 2;
        add("<path class=\"mark\" d=\"M%s %sV%s\"/><text class=\"mark\" x=\"%s\" y=\"%s\" text-anchor=\"%s\">%s</text>%n",
            place(at), place(TOP - 14), place(BOTTOM), place(at + (left ? -6 : 6)), place(TOP - 5),
            left ? "end" : "start", Markup.escape(caption));
    }

    private void curve(Series one) {
        StringBuilder path = new StringBuilder();
        StringBuilder alone = new StringBuilder();
        boolean gap = true;
        for (int i = 0; i < x.length; i++) {
            double value = one.values[i];
            if (!Double.isFinite(value)) {
                gap = true;
                continue;
            }
            String at = place(across(x[i])) + " " + place(down(value));
            path.append(gap ? "M" : "L").append(at);
            boolean last = i + 1 == x.length || !Double.isFinite(one.values[i + 1]);
            if (gap && last) {
                // A dot: the round end of a line without length.
                alone.append("M").append(at).append("h0");
            }
            gap = false;
        }
        add("<path class=\"curve\" style=\"color:%s\" data-name=\"%s\" data-values=\"%s\" d=\"%s\"/>%n", one.color,
            Markup.escape(one.name), numbers(one.values), path);
        if (!alone.isEmpty()) {
            add("<path class=\"curve alone\" style=\"color:%s\" d=\"%s\"/>%n", one.color, alone);
        }
    }

    private void add(String format, Object... values) {
        out.append(String.format(Locale.ROOT, format, values));
    }

    private static String place(double value) {
        return SvgCanvas.number(value, 1);
    }

    private static String numbers(double[] values) {
        return Arrays.stream(values).mapToObj(value -> Float.toString((float) value)).collect(Collectors.joining(" "));
    }
}
