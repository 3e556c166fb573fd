package org.talweg.analysis.plot;

import java.awt.Color;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.talweg.analysis.Landscape;
import org.talweg.analysis.Landscape.Point;
import org.talweg.analysis.plot.Canvas.Anchor;

/** A landscape from above: bands of equal loss with their values, the path of training, and the lowest point. */
public final class ContourPlot extends Picture {
    private static final int WIDTH = 760;
    private static final int HEIGHT = 640;
    private static final int LEVELS = 14;
    private static final Rectangle2D AREA = new Rectangle2D.Double(74, 60, 560, 490);
    private static final double LABEL_SIZE = 10;
    /** Of labels from each other and from the frame. */
    private static final double CLEARANCE = 34;

    private final Landscape landscape;
    private final String title;
    private final Scale scale;
    private final List<Double> levels;
    /** Losses as places on the scale, so that lines are interpolated the way colours are. */
    private final double[][] heights;
    private final Frame frame;

    /** @throws IllegalArgumentException for a line; use {@link LinePlot} */
    public ContourPlot(Landscape landscape, String title) {
        super(WIDTH, HEIGHT);
        if (landscape.isLine()) {
            throw new IllegalArgumentException("a line has no contours; draw a line plot");
        }
        this.landscape = landscape;
        this.title = title;
        scale = Scale.of(landscape);
        levels = scale.ticks(LEVELS);
        heights = Arrays.stream(landscape.losses()).map(row -> Arrays.stream(row)
            .map(loss -> Double.isFinite(loss) ? scale.position(loss) : Double.NaN).toArray()).toArray(double[][]::new);
        frame = new Frame(AREA, range(landscape.alphas()), range(landscape.betas()));
    }

    static Scale range(double[] values) {
        return new Scale(values[0], values[values.length - 1], false);
    }

    /** What a picture says below its title. */
    static String summary(Landscape landscape) {
        Point minimum = landscape.minimum();
        int nothing = landscape.nonFinite();
        return (Double.isNaN(minimum.loss()) ? "no loss is finite" : String.format(Locale.ROOT,
            "%d%s points, loss %s to %s%s", landscape.alphas().length,
            landscape.isLine() ? "" : " × " + landscape.betas().length, digits(minimum.loss()),
            digits(landscape.largest()), minimum.loss() == landscape.largest() ? " (constant)" : ""))
            + (nothing > 0 ? ", " + nothing + " not finite" : "");
    }

    private static String digits(double value) {
        String text = String.format(Locale.ROOT, "%.4g", value);
        return text.contains("e") ? text : text.replaceAll("\\.?0+$", "");
    }

    @Override
    void draw(Canvas canvas) {
        background(canvas, title, summary(landscape));
        canvas.clip(AREA);
        bands(canvas);
        lines(canvas);
        path(canvas);
        canvas.clip(null);
        frame.draw(canvas, landscape.firstLabel(), landscape.secondLabel(), false);
        points(canvas);
        bar(canvas);
        Marks.legend(canvas, AREA.getX() + 10, HEIGHT - 22, !landscape.path().isEmpty(), landscape.nonFinite() > 0);
    }

    private void bands(Canvas canvas) {
        canvas.fill(Canvas.rectangle(AREA.getX(), AREA.getY(), AREA.getWidth(), AREA.getHeight()), Palette.NOTHING);
        region(canvas, -Double.MAX_VALUE, color(-1));
        for (int i = 0; i < levels.size(); i++) {
            region(canvas, scale.position(levels.get(i)), color(i));
        }
    }

    private void region(Canvas canvas, double height, Color color) {
        Path2D path = new Path2D.Double();
        for (List<double[]> ring : Isolines.rings(heights, height)) {
            append(path, ring);
            path.closePath();
        }
        if (path.getCurrentPoint() != null) {
            canvas.fill(path, color);
        }
    }

    /** Of the band above level {@code i}, by its middle; −1 for the band below the first level. */
    private Color color(int i) {
        double from = i < 0 ? 0 : scale.position(levels.get(i));
        double to = i + 1 < levels.size() ? scale.position(levels.get(i + 1)) : 1;
        return Palette.at((from + to) / 2);
    }

    private void lines(Canvas canvas) {
        List<double[]> labels = new ArrayList<>();
        List<Runnable> texts = new ArrayList<>();
        for (double level : levels) {
            for (List<double[]> line : Isolines.lines(heights, scale.position(level))) {
                Path2D path = new Path2D.Double();
                append(path, line);
                canvas.stroke(path, Palette.fade(Palette.INK, 0.55), 0.9);
                label(canvas, places(line), Scale.label(level), labels, texts);
            }
        }
        texts.forEach(Runnable::run);
    }

    private void append(Path2D path, List<double[]> line) {
        boolean first = true;
        for (double[] place : places(line)) {
            if (first) {
                path.moveTo(place[0], place[1]);
            } else {
                path.lineTo(place[0], place[1]);
            }
            first = false;
        }
    }

    /** From cells of the grid to places in the picture. */
    private List<double[]> places(List<double[]> line) {
        return line.stream().map(point -> new double[] {frame.x(at(landscape.alphas(), point[0])),
            frame.y(at(landscape.betas(), point[1]))}).toList();
    }

    private static double at(double[] values, double cell) {
        int below = Math.min((int) cell, values.length - 2);
        return values[below] + (cell - below) * (values[below + 1] - values[below]);
    }

    /** Writes a level on its line once, where it is straightest and clear of other labels; or nowhere. */
    private void label(Canvas canvas, List<double[]> line, String text, List<double[]> taken, List<Runnable> texts) {
        double half = text.length() * LABEL_SIZE * 0.3 + 4;
        record Spot(double x, double y, double angle, double bend) {
        }
        List<Spot> spots = new ArrayList<>();
        for (int i = 0; i < line.size(); i++) {
            double[] before = away(line, i, -1, half);
            double[] after = away(line, i, 1, half);
            double[] here = line.get(i);
            if (before == null || after == null || isTaken(here, taken)) {
                continue;
            }
            double dx = after[0] - before[0];
            double dy = after[1] - before[1];
            double length = Math.hypot(dx, dy);
            double bend = Math.abs(dx * (here[1] - before[1]) - dy * (here[0] - before[0])) / length;
            if (length > 1.7 * half) {
                spots.add(new Spot(here[0], here[1], Math.toDegrees(Math.atan(dy / (dx == 0 ? 1e-9 : dx))), bend));
            }
        }
        spots.stream().min(Comparator.comparingDouble(Spot::bend)).ifPresent(spot -> {
            taken.add(new double[] {spot.x, spot.y});
            double turn = Math.toRadians(spot.angle);
            double drop = LABEL_SIZE * 0.36;
            texts.add(() -> canvas.text(text, spot.x - drop * Math.sin(turn), spot.y + drop * Math.cos(turn), LABEL_SIZE,
                Anchor.MIDDLE, spot.angle, Palette.INK, Palette.fade(Palette.PAPER, 0.8)));
        });
    }

    private boolean isTaken(double[] place, List<double[]> taken) {
        Rectangle2D inside = new Rectangle2D.Double(AREA.getX() + CLEARANCE / 2, AREA.getY() + CLEARANCE / 2,
            AREA.getWidth() - CLEARANCE, AREA.getHeight() - CLEARANCE);
        return !inside.contains(place[0], place[1])
            || taken.stream().anyMatch(other -> Math.hypot(other[0] - place[0], other[1] - place[1]) < CLEARANCE);
    }

    /** The point of the line that lies so far along it in one direction; null if it ends before. */
    private static double[] away(List<double[]> line, int from, int direction, double distance) {
        double gone = 0;
        for (int i = from; i + direction >= 0 && i + direction < line.size(); i += direction) {
            gone += Math.hypot(line.get(i + direction)[0] - line.get(i)[0], line.get(i + direction)[1] - line.get(i)[1]);
            if (gone >= distance) {
                return line.get(i + direction);
            }
        }
        return null;
    }

    private void path(Canvas canvas) {
        List<double[]> places = landscape.path().stream()
            .map(point -> new double[] {frame.x(point.alpha()), frame.y(point.beta())}).toList();
        if (!places.isEmpty()) {
            Marks.path(canvas, places);
            Marks.start(canvas, places.get(0)[0], places.get(0)[1]);
        }
    }

    private void points(Canvas canvas) {
        Point minimum = landscape.minimum();
        if (!Double.isNaN(minimum.loss())) {
            Marks.minimum(canvas, frame.x(minimum.alpha()), frame.y(minimum.beta()));
        }
        if (AREA.contains(frame.x(0), frame.y(0))) {
            Marks.model(canvas, frame.x(0), frame.y(0));
        }
    }

    /** Which colour is which loss. */
    private void bar(Canvas canvas) {
        double x = AREA.getMaxX() + 26;
        double width = 18;
        for (int i = -1; i < levels.size(); i++) {
            double top = i + 1 < levels.size() ? scale.position(levels.get(i + 1)) : 1;
            double bottom = i < 0 ? 0 : scale.position(levels.get(i));
            canvas.fill(Canvas.rectangle(x, AREA.getMaxY() - top * AREA.getHeight(), width,
                (top - bottom) * AREA.getHeight()), color(i));
        }
        for (double level : levels) {
            double y = AREA.getMaxY() - scale.position(level) * AREA.getHeight();
            canvas.line(x + width, y, x + width + 4, y, Palette.INK, 1);
            canvas.text(Scale.label(level), x + width + 7, y + 4, 11, Anchor.START);
        }
        canvas.stroke(Canvas.rectangle(x, AREA.getY(), width, AREA.getHeight()), Palette.INK, 1);
        canvas.text("loss" + (scale.logarithmic() ? ", logarithmic" : ""), x + width / 2, AREA.getY() - 8, 11,
            Anchor.MIDDLE);
    }
}
