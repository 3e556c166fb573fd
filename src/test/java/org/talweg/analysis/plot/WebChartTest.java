package org.talweg.analysis.plot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.talweg.analysis.plot.LineChart.Axis;
import org.talweg.analysis.plot.LineChart.Series;

/** Charts for web pages put values where they belong, whatever the values are. */
class WebChartTest {
    private static String path(String svg, String type) {
        Matcher path = Pattern.compile("<path class=\"" + type + "\"[^>]* d=\"([^\"]*)\"").matcher(svg);
        assertTrue(path.find(), svg);
        return path.group(1);
    }

    private static String curve(Axis axis, double... values) {
        double[] x = new double[values.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = i + 1;
        }
        String svg = new LineChart(x, List.of(new Series("a <b>", "red", values)), axis, "words & more").svg(-1, "", 0);
        assertFalse(svg.contains("<b>") || Pattern.compile(" (d|x|y)=\"[^\"]*(NaN|Infinity)").matcher(svg).find(), svg);
        return svg;
    }

    @Test
    void placesOnEvenAndLogarithmicAxes() {
        assertEquals("M60 232L263 127L466 22", path(curve(Axis.ZERO, 0, 1, 2), "curve"));
        // A factor of 100 each way: equal steps, with 4 % of room at both ends.
        String[] log = path(curve(Axis.WIDE, 0.01, 1, 100), "curve").split("[ML ]");
        assertEquals(127, Double.parseDouble(log[4]), 0.1);
        assertEquals(232 - 210 * 0.04 / 1.08, Double.parseDouble(log[2]), 0.1);
        assertEquals(22 + 210 * 0.04 / 1.08, Double.parseDouble(log[6]), 0.1);
    }

    @Test
    void gapsAndPointsWithoutNeighbours() {
        String svg = curve(Axis.WIDE, 1, 2, Double.NaN, 3, Double.POSITIVE_INFINITY);
        assertEquals(2, path(svg, "curve").chars().filter(c -> c == 'M').count());
        assertTrue(path(svg, "curve alone").endsWith("h0"), svg);
        for (Axis axis : Axis.values()) {
            curve(axis, Double.NaN, Double.NaN);
            curve(axis, 0, 0, 0);
            curve(axis, -1);
            curve(axis, 1e-30, 1e30, Double.NEGATIVE_INFINITY);
        }
    }

    @Test
    void aChartNeedsValues() {
        assertThrows(IllegalArgumentException.class, () -> new LineChart(new double[0], List.of(), Axis.EVEN, ""));
        String message = assertThrows(IllegalArgumentException.class, () -> new LineChart(new double[2],
            List.of(new Series("a", "red", new double[3])), Axis.EVEN, "")).getMessage();
        assertEquals("a has 3 values for 2 epochs", message);
    }

    @Test
    void predictionsThatAreRightLieOnTheDiagonal() {
        String svg = new ScatterChart(new float[] {0, 10, 3, 4}, new float[] {0, 10, Float.NaN, 0}).svg("words");
        String[] points = path(svg, "points").split("h0");
        assertEquals(3, points.length);
        // 3 % of room at both ends of 306.
        assertEquals(68.7, Double.parseDouble(points[0].split("[M ]")[1]), 0.06);
        assertEquals(309.3, Double.parseDouble(points[0].split("[M ]")[2]), 0.06);
        assertEquals(357.3, Double.parseDouble(points[1].split("[M ]")[1]), 0.06);
        new ScatterChart(new float[0], new float[0]).svg("");
        new ScatterChart(new float[] {Float.NaN}, new float[] {1}).svg("");
        assertThrows(IllegalArgumentException.class, () -> new ScatterChart(new float[1], new float[2]));
    }
}
