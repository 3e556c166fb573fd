package org.talweg.analysis.plot;

import java.awt.Color;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.talweg.analysis.plot.Canvas.Anchor;
import org.talweg.train.LearningRateTest;
import org.talweg.train.LearningRateTest.Point;

/** A learning-rate range test: loss over rate, with the rate where it falls fastest and the one where it is lowest. */
public final class LearningRatePlot extends Picture {
    private static final int WIDTH = 760;
    private static final int HEIGHT = 480;
    private static final Rectangle2D AREA = new Rectangle2D.Double(84, 60, 640, 330);
    private static final double SMALL = 11;
    private static final Color CURVE = Palette.at(0.3);
    private static final Color BATCHES = Palette.fade(CURVE, 0.35);

    private final LearningRateTest test;
    private final String title;
    private final Frame frame;

    /** @throws IllegalStateException if the loss falls nowhere */
    public LearningRatePlot(LearningRateTest test, String title) {
        super(WIDTH, HEIGHT);
        this.test = test;
        this.title = title;
        List<Point> points = test.points();
        test.steepest();
        // Up to the highest running mean: single batches where the loss takes off would flatten everything else.
        double low = points.stream().mapToDouble(Point::loss).min().orElseThrow();
        double high = points.stream().mapToDouble(Point::smoothed).max().orElseThrow();
        frame = new Frame(AREA, new Scale(points.get(0).learningRate(), points.get(points.size() - 1).learningRate(), true),
            Scale.even(low, high).widened(0.08));
    }

    @Override
    void draw(Canvas canvas) {
        background(canvas, title, String.format(Locale.ROOT, "%d steps; the loss falls fastest at %.2g, is lowest at %.2g, %s",
            test.points().size(), test.steepest().learningRate(), test.lowest().learningRate(),
            test.diverged() ? "and then takes off" : "and does not take off"));
        frame.draw(canvas, "learning rate, logarithmic", "training loss", true);
        canvas.clip(AREA);
        canvas.stroke(curve(Point::loss), BATCHES, 1);
        canvas.stroke(curve(Point::smoothed), CURVE, 2.2);
        canvas.clip(null);
        mark(canvas, test.steepest(), Palette.PATH, -7);
        mark(canvas, test.lowest(), Palette.INK, 15);
        double y = HEIGHT - 20;
        canvas.line(AREA.getX(), y, AREA.getX() + 24, y, BATCHES, 1);
        canvas.text("loss of a batch", AREA.getX() + 32, y + SMALL * 0.36, SMALL, Anchor.START);
        canvas.line(AREA.getX() + 150, y, AREA.getX() + 174, y, CURVE, 2.2);
        canvas.text("running mean", AREA.getX() + 182, y + SMALL * 0.36, SMALL, Anchor.START);
        disc(canvas, AREA.getX() + 300, y, Palette.PATH);
        canvas.text("falls fastest", AREA.getX() + 312, y + SMALL * 0.36, SMALL, Anchor.START);
        disc(canvas, AREA.getX() + 420, y, Palette.INK);
        canvas.text("lowest", AREA.getX() + 432, y + SMALL * 0.36, SMALL, Anchor.START);
    }

    private Path2D curve(ToDoubleFunction<Point> value) {
        Path2D curve = new Path2D.Double();
        for (Point point : test.points()) {
            double x = frame.x(point.learningRate());
            double y = frame.y(value.applyAsDouble(point));
            if (curve.getCurrentPoint() == null) {
                curve.moveTo(x, y);
            } else {
                curve.lineTo(x, y);
            }
        }
        return curve;
    }

    private void mark(Canvas canvas, Point point, Color color, double below) {
        double x = frame.x(point.learningRate());
        double y = frame.y(point.smoothed());
        disc(canvas, x, y, color);
        canvas.text(String.format(Locale.ROOT, "%.2g", point.learningRate()), x + 9, y + below, SMALL, Anchor.START, 0, color,
            Palette.PAPER);
    }

    private static void disc(Canvas canvas, double x, double y, Color color) {
        canvas.fill(Canvas.disc(x, y, 5.5), Palette.PAPER);
        canvas.fill(Canvas.disc(x, y, 4.2), color);
    }
}
