package org.talweg.analysis.plot;

import java.io.IOException;
import java.nio.file.Path;

/** Something to look at, as pixels or as vectors. */
public abstract class Picture {
    private final int width;
    private final int height;

    Picture(int width, int height) {
        this.width = width;
        this.height = height;
    }

    abstract void draw(Canvas canvas);

    /** Writes a PNG; an old file is replaced. */
    public final void writePng(Path path) throws IOException {
        PngCanvas canvas = new PngCanvas(width, height);
        draw(canvas);
        canvas.write(path);
    }

    /** Writes an SVG file; an old one is replaced. */
    public final void writeSvg(Path path) throws IOException {
        SvgCanvas canvas = new SvgCanvas(width, height);
        draw(canvas);
        canvas.write(path);
    }

    final void background(Canvas canvas, String title, String subtitle) {
        canvas.fill(Canvas.rectangle(0, 0, width, height), Palette.PAPER);
        canvas.text(title, width / 2.0, 26, 16, Canvas.Anchor.MIDDLE);
        canvas.text(subtitle, width / 2.0, 45, 11, Canvas.Anchor.MIDDLE);
    }
}
