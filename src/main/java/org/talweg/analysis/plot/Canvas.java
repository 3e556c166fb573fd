package org.talweg.analysis.plot;

import java.awt.Color;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;

/** What a picture is drawn on: y points down, text stands on its baseline. */
interface Canvas {

    /** Which end of a text its position is. */
    enum Anchor {
        START, MIDDLE, END
    }

    /** Inside is what an odd number of the path's rings enclose. */
    void fill(Path2D path, Color color);

    /** As {@link #fill}, a little larger, so that no gap shows between tiles. */
    void tile(Path2D path, Color color);

    void stroke(Path2D path, Color color, double width);

    /**
     * @param degrees clockwise, around the position
     * @param halo    drawn around the letters, or null
     */
    void text(String text, double x, double y, double size, Anchor anchor, double degrees, Color color, Color halo);

    /** Shows only what is drawn inside from now on; null ends that. */
    void clip(Rectangle2D area);

    default void text(String text, double x, double y, double size, Anchor anchor) {
        text(text, x, y, size, anchor, 0, Palette.INK, null);
    }

    default void line(double x1, double y1, double x2, double y2, Color color, double width) {
        Path2D path = new Path2D.Double();
        path.moveTo(x1, y1);
        path.lineTo(x2, y2);
        stroke(path, color, width);
    }

    static Path2D rectangle(double x, double y, double width, double height) {
        return new Path2D.Double(new Rectangle2D.Double(x, y, width, height));
    }

    static Path2D disc(double x, double y, double radius) {
        Path2D path = new Path2D.Double();
        // Four quarter circles as Bézier curves; 0.5523 puts them within 0.03 % of the circle.
        double k = 0.5523 * radius;
        path.moveTo(x + radius, y);
        path.curveTo(x + radius, y + k, x + k, y + radius, x, y + radius);
        path.curveTo(x - k, y + radius, x - radius, y + k, x - radius, y);
        path.curveTo(x - radius, y - k, x - k, y - radius, x, y - radius);
        path.curveTo(x + k, y - radius, x + radius, y - k, x + radius, y);
        path.closePath();
        return path;
    }
}
