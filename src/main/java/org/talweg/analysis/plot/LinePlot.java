package org.talweg.analysis.plot;

import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import org.talweg.analysis.Landscape;
import org.talweg.analysis.Landscape.Point;

/** A landscape along one direction: loss over distance, with gaps where it is not finite. */
public final class LinePlot extends Picture {
    private static final int WIDTH = 760;
    private static final int HEIGHT = 480;
    private static final Rectangle2D AREA = new Rectangle2D.Double(84, 60, 640, 330);

    private final Landscape landscape;
    private final String title;
    private final Frame frame;

    /** @throws IllegalArgumentException for a plane; use {@link ContourPlot} or {@link SurfacePlot} */
    public LinePlot(Landscape landscape, String title) {
        super(WIDTH, HEIGHT);
        if (!landscape.isLine()) {
            throw new IllegalArgumentException("a plane is no line; draw its contours or its surface");
        }
        this.landscape = landscape;
        this.title = title;
        Scale losses = Scale.of(landscape);
        frame = new Frame(AREA, ContourPlot.range(landscape.alphas()), losses.widened(0.05));
    }

    @Override
    void draw(Canvas canvas) {
        background(canvas, title, ContourPlot.summary(landscape));
        frame.draw(canvas, landscape.firstLabel(), "loss" + (frame.vertical().logarithmic() ? ", logarithmic" : ""), true);
        canvas.clip(AREA);
        Path2D curve = new Path2D.Double();
        boolean gap = true;
        for (int i = 0; i < landscape.alphas().length; i++) {
            double loss = landscape.losses()[i][0];
            double x = frame.x(landscape.alphas()[i]);
            if (!Double.isFinite(loss)) {
                gap = true;
            } else if (gap) {
                curve.moveTo(x, frame.y(loss));
                gap = false;
            } else {
                curve.lineTo(x, frame.y(loss));
            }
        }
        if (curve.getCurrentPoint() != null) {
            canvas.stroke(curve, Palette.at(0.3), 2.2);
        }
        canvas.clip(null);
        Point minimum = landscape.minimum();
        if (!Double.isNaN(minimum.loss())) {
            Marks.minimum(canvas, frame.x(minimum.alpha()), frame.y(minimum.loss()));
        }
        for (int i = 0; i < landscape.alphas().length; i++) {
            if (landscape.alphas()[i] == 0 && Double.isFinite(landscape.losses()[i][0])) {
                Marks.model(canvas, frame.x(0), frame.y(landscape.losses()[i][0]));
            }
        }
        Marks.legend(canvas, AREA.getX() + 10, HEIGHT - 20, false, false);
    }
}
