package org.talweg.analysis.plot;

import java.awt.geom.Path2D;
import java.util.List;
import org.talweg.analysis.plot.Canvas.Anchor;

/** The signs on a landscape, the same in every picture and in the legend. */
final class Marks {
    private static final double SIZE = 11;

    private Marks() {
    }

    static void start(Canvas canvas, double x, double y) {
        canvas.fill(Canvas.disc(x, y, 4.5), Palette.PAPER);
        canvas.stroke(Canvas.disc(x, y, 4.5), Palette.PATH, 2);
    }

    static void model(Canvas canvas, double x, double y) {
        canvas.fill(Canvas.disc(x, y, 5), Palette.PAPER);
        canvas.fill(Canvas.disc(x, y, 3.8), Palette.PATH);
    }

    static void minimum(Canvas canvas, double x, double y) {
        for (boolean halo : new boolean[] {true, false}) {
            for (int side = -1; side <= 1; side += 2) {
                canvas.line(x - 6.5, y - 6.5 * side, x + 6.5, y + 6.5 * side, halo ? Palette.PAPER : Palette.INK, halo ? 5 : 2.2);
            }
        }
    }

    static void path(Canvas canvas, List<double[]> places) {
        Path2D line = new Path2D.Double();
        for (double[] place : places) {
            if (line.getCurrentPoint() == null) {
                line.moveTo(place[0], place[1]);
            } else {
                line.lineTo(place[0], place[1]);
            }
        }
        canvas.stroke(line, Palette.fade(Palette.PAPER, 0.85), 4);
        canvas.stroke(line, Palette.PATH, 1.8);
        places.forEach(place -> canvas.fill(Canvas.disc(place[0], place[1], 2.4), Palette.PATH));
    }

    /** What each sign means, in one row from {@code x} on. */
    static void legend(Canvas canvas, double x, double y, boolean path, boolean nothing) {
        double at = x;
        model(canvas, at, y);
        at = text(canvas, "the model", at + 13, y);
        minimum(canvas, at, y);
        at = text(canvas, "lowest point of the grid", at + 13, y);
        if (path) {
            Marks.path(canvas, List.of(new double[] {at, y}, new double[] {at + 12, y}, new double[] {at + 24, y}));
            start(canvas, at, y);
            at = text(canvas, "training, from its start", at + 32, y);
        }
        if (nothing) {
            canvas.fill(Canvas.rectangle(at - 5, y - 5, 10, 10), Palette.NOTHING);
            text(canvas, "not finite", at + 13, y);
        }
    }

    /** Where the next sign goes: letters are about half as wide as high. */
    private static double text(Canvas canvas, String text, double x, double y) {
        canvas.text(text, x, y + SIZE * 0.36, SIZE, Anchor.START);
        return x + text.length() * SIZE * 0.52 + 24;
    }
}
