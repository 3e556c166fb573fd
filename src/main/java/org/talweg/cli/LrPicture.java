package org.talweg.cli;

import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.VectorGraphicsEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.XYStyler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.talweg.optim.Optimizer;
import org.talweg.train.LearningRateTest;

/** Loss over learning rate, with the suggested rate on it. */
final class LrPicture {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 560;

    static {
        // Drawn in memory: a machine without a display must do.
        System.setProperty("java.awt.headless", "true");
    }

    private final XYChart chart;

    LrPicture(LearningRateTest test, String data, Optimizer optimizer) {
        chart = new XYChartBuilder().width(WIDTH).height(HEIGHT)
            .title("Learning-rate range test: " + data + ", " + optimizer.getClass().getSimpleName())
            .xAxisTitle("learning rate").yAxisTitle("training loss").build();
        XYStyler style = chart.getStyler();
        style.setXAxisLogarithmic(true);
        style.setLegendPosition(Styler.LegendPosition.InsideSW);
        style.setChartBackgroundColor(Color.WHITE);
        style.setPlotGridLinesColor(new Color(0xdddddd));
        List<LearningRateTest.Point> points = test.points();
        double[] rates = points.stream().mapToDouble(LearningRateTest.Point::learningRate).toArray();
        double[] smoothed = points.stream().mapToDouble(LearningRateTest.Point::smoothed).toArray();
        // A batch's loss where it takes off would flatten everything else.
        double top = smoothed[0];
        for (double value : smoothed) {
            top = Math.max(top, value);
        }
        double limit = top * 1.2;
        line("loss of a batch", rates, points.stream().mapToDouble(point -> Math.min(limit, point.loss())).toArray(),
            new Color(0xbbccdd), 1);
        line("running mean", rates, smoothed, new Color(0x1f5f9f), 2.5f);
        mark(String.format(Locale.ROOT, "steepest, %.2g", test.steepest().learningRate()), test.steepest(),
            new Color(0xd04020));
        mark(String.format(Locale.ROOT, "lowest, %.2g", test.lowest().learningRate()), test.lowest(),
            new Color(0x404040));
    }

    private void line(String name, double[] x, double[] y, Color color, float width) {
        XYSeries series = chart.addSeries(name, x, y);
        series.setLineColor(color);
        series.setLineStyle(new BasicStroke(width));
        series.setMarker(SeriesMarkers.NONE);
    }

    private void mark(String name, LearningRateTest.Point point, Color color) {
        XYSeries series = chart.addSeries(name, new double[] {point.learningRate()}, new double[] {point.smoothed()});
        series.setXYSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Scatter);
        series.setMarker(SeriesMarkers.CIRCLE);
        series.setMarkerColor(color);
    }

    /** Writes {@code path.png} and {@code path.svg}. */
    void save(Path path) throws IOException {
        BitmapEncoder.saveBitmap(chart, path.toString(), BitmapEncoder.BitmapFormat.PNG);
        VectorGraphicsEncoder.saveVectorGraphic(chart, path.toString(),
            VectorGraphicsEncoder.VectorGraphicsFormat.SVG);
    }
}
