package org.talweg.analysis.plot;

import java.awt.geom.Rectangle2D;
import org.talweg.analysis.plot.Canvas.Anchor;

/** The rectangle of a plot with its two axes: from values to places and back to ticks and labels. */
record Frame(Rectangle2D area, Scale horizontal, Scale vertical) {
    private static final double TICK = 4;
    private static final double SMALL = 11;
    private static final double LABEL = 12;

    double x(double value) {
        return area.getX() + horizontal.position(value) * area.getWidth();
    }

    double y(double value) {
        return area.getMaxY() - vertical.position(value) * area.getHeight();
    }

    /** @param grid whether lines cross the plot at the ticks */
    void draw(Canvas canvas, String below, String left, boolean grid) {
        for (double tick : horizontal.ticks((int) (area.getWidth() / 70))) {
            double x = x(tick);
            if (grid) {
                canvas.line(x, area.getY(), x, area.getMaxY(), Palette.FAINT, 0.8);
            }
            canvas.line(x, area.getMaxY(), x, area.getMaxY() + TICK, Palette.INK, 1);
            canvas.text(Scale.label(tick), x, area.getMaxY() + TICK + SMALL + 2, SMALL, Anchor.MIDDLE);
        }
        for (double tick : vertical.ticks((int) (area.getHeight() / 50))) {
            double y = y(tick);
            if (grid) {
                canvas.line(area.getX(), y, area.getMaxX(), y, Palette.FAINT, 0.8);
            }
            canvas.line(area.getX() - TICK, y, area.getX(), y, Palette.INK, 1);
            canvas.text(Scale.label(tick), area.getX() - TICK - 3, y + SMALL * 0.36, SMALL, Anchor.END);
        }
        canvas.stroke(Canvas.rectangle(area.getX(), area.getY(), area.getWidth(), area.getHeight()), Palette.INK, 1);
        canvas.text(below, area.getCenterX(), area.getMaxY() + 36, LABEL, Anchor.MIDDLE);
        canvas.text(left, area.getX() - 46, area.getCenterY(), LABEL, Anchor.MIDDLE, -90, Palette.INK, null);
    }
}
