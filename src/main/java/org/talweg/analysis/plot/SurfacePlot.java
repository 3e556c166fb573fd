package org.talweg.analysis.plot;

import java.awt.Color;
import java.awt.geom.Path2D;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.talweg.analysis.Landscape;
import org.talweg.analysis.Landscape.Point;
import org.talweg.analysis.plot.Canvas.Anchor;

/** A landscape in relief, seen from above one corner in parallel projection; far tiles are drawn before near ones. */
public final class SurfacePlot extends Picture {
    private static final int WIDTH = 760;
    private static final int HEIGHT = 640;
    private static final double CENTRE_X = 390;
    private static final double CENTRE_Y = 376;
    private static final double SIDE = 372;
    private static final double RISE = 190;
    private static final double TURN = Math.toRadians(35);
    private static final double TILT = Math.toRadians(50);
    /** The sun, as a unit vector: from the left, the front and above. */
    private static final double[] LIGHT = {-0.37, -0.37, 0.85};

    private final Landscape landscape;
    private final String title;
    private final Scale horizontal;
    private final Scale depth;
    private final Scale scale;

    /** @throws IllegalArgumentException for a line; use {@link LinePlot} */
    public SurfacePlot(Landscape landscape, String title) {
        super(WIDTH, HEIGHT);
        if (landscape.isLine()) {
            throw new IllegalArgumentException("a line is no surface; draw a line plot");
        }
        this.landscape = landscape;
        this.title = title;
        horizontal = ContourPlot.range(landscape.alphas());
        depth = ContourPlot.range(landscape.betas());
        scale = Scale.of(landscape);
    }

    @Override
    void draw(Canvas canvas) {
        background(canvas, title, ContourPlot.summary(landscape));
        walls(canvas);
        tiles(canvas);
        axes(canvas);
        path(canvas);
        Marks.legend(canvas, 84, HEIGHT - 18, !landscape.path().isEmpty(), false);
    }

    /** A place of the unit cube in the picture: a and b on the floor, c upward. */
    private static double[] place(double a, double b, double c) {
        double x = (a - 0.5) * Math.cos(TURN) - (b - 0.5) * Math.sin(TURN);
        return new double[] {CENTRE_X + SIDE * x,
            CENTRE_Y - SIDE * distance(a, b) * Math.sin(TILT) - RISE * Math.cos(TILT) * c};
    }

    /** From the eye: larger is farther. */
    private static double distance(double a, double b) {
        return (a - 0.5) * Math.sin(TURN) + (b - 0.5) * Math.cos(TURN);
    }

    private double[] onSurface(double alpha, double beta, double loss) {
        return place(horizontal.position(alpha), depth.position(beta), scale.position(loss));
    }

    private static void line(Canvas canvas, double[] from, double[] to, Color color, double width) {
        canvas.line(from[0], from[1], to[0], to[1], color, width);
    }

    /** The two far walls and the floor, with lines at the ticks. */
    private void walls(Canvas canvas) {
        for (double tick : scale.ticks(7)) {
            double c = scale.position(tick);
            line(canvas, place(0, 1, c), place(1, 1, c), Palette.FAINT, 0.8);
            line(canvas, place(1, 0, c), place(1, 1, c), Palette.FAINT, 0.8);
        }
        for (double tick : horizontal.ticks(7)) {
            double a = horizontal.position(tick);
            line(canvas, place(a, 0, 0), place(a, 1, 0), Palette.FAINT, 0.8);
            line(canvas, place(a, 1, 0), place(a, 1, 1), Palette.FAINT, 0.8);
        }
        for (double tick : depth.ticks(7)) {
            double b = depth.position(tick);
            line(canvas, place(0, b, 0), place(1, b, 0), Palette.FAINT, 0.8);
            line(canvas, place(1, b, 0), place(1, b, 1), Palette.FAINT, 0.8);
        }
        double[][] edges = {{0, 1, 0, 0, 1, 1}, {1, 1, 0, 1, 1, 1}, {1, 0, 0, 1, 0, 1}, {0, 1, 1, 1, 1, 1},
            {1, 0, 1, 1, 1, 1}, {0, 1, 0, 1, 1, 0}, {1, 0, 0, 1, 1, 0}};
        for (double[] edge : edges) {
            line(canvas, place(edge[0], edge[1], edge[2]), place(edge[3], edge[4], edge[5]), Palette.NOTHING, 1);
        }
    }

    private void tiles(Canvas canvas) {
        record Tile(int i, int j, double distance) {
        }
        List<Tile> tiles = new ArrayList<>();
        for (int i = 0; i + 1 < landscape.alphas().length; i++) {
            for (int j = 0; j + 1 < landscape.betas().length; j++) {
                double a = horizontal.position((landscape.alphas()[i] + landscape.alphas()[i + 1]) / 2);
                double b = depth.position((landscape.betas()[j] + landscape.betas()[j + 1]) / 2);
                tiles.add(new Tile(i, j, distance(a, b)));
            }
        }
        tiles.sort(Comparator.comparingDouble(Tile::distance).reversed());
        tiles.forEach(tile -> tile(canvas, tile.i, tile.j));
    }

    private void tile(Canvas canvas, int i, int j) {
        double[] a = {horizontal.position(landscape.alphas()[i]), horizontal.position(landscape.alphas()[i + 1])};
        double[] b = {depth.position(landscape.betas()[j]), depth.position(landscape.betas()[j + 1])};
        double[] heights = new double[4];
        double sum = 0;
        for (int k = 0; k < 4; k++) {
            double loss = landscape.losses()[i + k / 2][j + k % 2];
            if (!Double.isFinite(loss)) {
                return;
            }
            heights[k] = scale.position(loss);
            sum += heights[k];
        }
        Path2D path = new Path2D.Double();
        int[] around = {0, 1, 3, 2};
        for (int k : around) {
            double[] place = place(a[k / 2], b[k % 2], heights[k]);
            if (k == 0) {
                path.moveTo(place[0], place[1]);
            } else {
                path.lineTo(place[0], place[1]);
            }
        }
        path.closePath();
        double slopeA = (heights[2] + heights[3] - heights[0] - heights[1]) / 2 / (a[1] - a[0]) * RISE / SIDE;
        double slopeB = (heights[1] + heights[3] - heights[0] - heights[2]) / 2 / (b[1] - b[0]) * RISE / SIDE;
        double cosine = (-slopeA * LIGHT[0] - slopeB * LIGHT[1] + LIGHT[2])
            / Math.sqrt(1 + slopeA * slopeA + slopeB * slopeB);
        canvas.tile(path, Palette.shade(Palette.at(sum / 4), 0.6 + 0.4 * Math.max(0, cosine)));
    }

    /** On the three edges in front, where nothing hides them. */
    private void axes(Canvas canvas) {
        line(canvas, place(0, 0, 0), place(1, 0, 0), Palette.INK, 1);
        line(canvas, place(0, 0, 0), place(0, 1, 0), Palette.INK, 1);
        line(canvas, place(0, 1, 0), place(0, 1, 1), Palette.INK, 1);
        for (double tick : horizontal.ticks(7)) {
            double[] at = place(horizontal.position(tick), 0, 0);
            line(canvas, at, new double[] {at[0] + 2, at[1] + 5}, Palette.INK, 1);
            canvas.text(Scale.label(tick), at[0] + 4, at[1] + 17, 11, Anchor.MIDDLE);
        }
        for (double tick : depth.ticks(7)) {
            double[] at = place(0, depth.position(tick), 0);
            line(canvas, at, new double[] {at[0] - 4, at[1] + 4}, Palette.INK, 1);
            canvas.text(Scale.label(tick), at[0] - 7, at[1] + 14, 11, Anchor.END);
        }
        for (double tick : scale.ticks(7)) {
            double[] at = place(0, 1, scale.position(tick));
            line(canvas, at, new double[] {at[0] - 5, at[1]}, Palette.INK, 1);
            canvas.text(Scale.label(tick), at[0] - 8, at[1] + 4, 11, Anchor.END);
        }
        axisLabel(canvas, landscape.firstLabel(), place(0, 0, 0), place(1, 0, 0));
        axisLabel(canvas, landscape.secondLabel(), place(0, 1, 0), place(0, 0, 0));
        double[] top = place(0, 1, 1);
        canvas.text("loss" + (scale.logarithmic() ? ", logarithmic" : ""), top[0] + 14, top[1] - 14, 12, Anchor.END);
    }

    /** Along an edge, outside of it. */
    private static void axisLabel(Canvas canvas, String text, double[] from, double[] to) {
        double dx = to[0] - from[0];
        double dy = to[1] - from[1];
        double length = Math.hypot(dx, dy);
        double away = 50;
        canvas.text(text, (from[0] + to[0]) / 2 - away * dy / length, (from[1] + to[1]) / 2 + away * dx / length, 12,
            Anchor.MIDDLE, Math.toDegrees(Math.atan2(dy, dx)), Palette.INK, null);
    }

    private void path(Canvas canvas) {
        List<double[]> places = new ArrayList<>();
        for (Point point : landscape.path()) {
            double loss = heightAt(point.alpha(), point.beta());
            if (!Double.isNaN(loss)) {
                places.add(onSurface(point.alpha(), point.beta(), loss));
            }
        }
        if (!places.isEmpty()) {
            Marks.path(canvas, places);
            Marks.start(canvas, places.get(0)[0], places.get(0)[1]);
        }
        Point minimum = landscape.minimum();
        if (!Double.isNaN(minimum.loss())) {
            double[] at = onSurface(minimum.alpha(), minimum.beta(), minimum.loss());
            Marks.minimum(canvas, at[0], at[1]);
        }
        double centre = heightAt(0, 0);
        if (!Double.isNaN(centre)) {
            double[] at = onSurface(0, 0, centre);
            Marks.model(canvas, at[0], at[1]);
        }
    }

    /** Of the surface, between its points; NaN outside or where it has a hole. */
    private double heightAt(double alpha, double beta) {
        double i = cell(landscape.alphas(), alpha);
        double j = cell(landscape.betas(), beta);
        if (Double.isNaN(i) || Double.isNaN(j)) {
            return Double.NaN;
        }
        int i0 = Math.min((int) i, landscape.alphas().length - 2);
        int j0 = Math.min((int) j, landscape.betas().length - 2);
        double[][] losses = landscape.losses();
        double left = losses[i0][j0] + (j - j0) * (losses[i0][j0 + 1] - losses[i0][j0]);
        double right = losses[i0 + 1][j0] + (j - j0) * (losses[i0 + 1][j0 + 1] - losses[i0 + 1][j0]);
        double height = left + (i - i0) * (right - left);
        return Double.isFinite(height) ? height : Double.NaN;
    }

    private static double cell(double[] values, double value) {
        double width = (values[values.length - 1] - values[0]) / (values.length - 1);
        double cell = (value - values[0]) / width;
        return cell >= -1e-9 && cell <= values.length - 1 + 1e-9 ? Math.max(cell, 0) : Double.NaN;
    }
}
