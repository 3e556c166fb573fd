package org.talweg.analysis.plot;

import java.awt.Color;
import java.awt.geom.Path2D;
import java.awt.geom.PathIterator;
import java.awt.geom.Rectangle2D;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Writes Scalable Vector Graphics 1.1, text as text. */
final class SvgCanvas implements Canvas {
    /** Ink and paper change places on a dark screen, in viewers that know of one; colours of the data stay. */
    private static final String DARK = String.format(Locale.ROOT, "<style>@media screen and (prefers-color-scheme: dark) {"
        + "[fill=\"%1$s\"]{fill:#e6eaef}[stroke=\"%1$s\"]{stroke:#e6eaef}[fill=\"%2$s\"]{fill:#171b21}"
        + "[stroke=\"%2$s\"]{stroke:#171b21}[stroke=\"%3$s\"]{stroke:#343b44}}</style>%n", hex(Palette.INK),
        hex(Palette.PAPER), hex(Palette.FAINT));

    private final StringBuilder out = new StringBuilder();
    private int clips;
    private boolean clipped;

    SvgCanvas(int width, int height) {
        out.append(String.format(Locale.ROOT, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            + "viewBox=\"0 0 %d %d\" font-family=\"Helvetica, Arial, DejaVu Sans, sans-serif\" fill=\"none\" "
            + "fill-rule=\"evenodd\" stroke-linejoin=\"round\" stroke-linecap=\"round\">%n%s", width, height, width,
            height, DARK));
    }

    void write(Path path) throws IOException {
        clip(null);
        Files.writeString(path, out + "</svg>\n");
    }

    @Override
    public void fill(Path2D path, Color color) {
        out.append("<path d=\"").append(data(path, 2)).append('"').append(paint("fill", color)).append("/>\n");
    }

    @Override
    public void tile(Path2D path, Color color) {
        out.append("<path d=\"").append(data(path, 1)).append('"').append(paint("fill", color)).append(paint("stroke", color))
            .append(" stroke-width=\".6\"/>\n");
    }

    @Override
    public void stroke(Path2D path, Color color, double width) {
        out.append("<path d=\"").append(data(path, 2)).append('"').append(paint("stroke", color))
            .append(" stroke-width=\"").append(number(width, 2)).append("\"/>\n");
    }

    /** The halo is a text of its own below the letters: not every viewer knows the property that would do it in one. */
    @Override
    public void text(String text, double x, double y, double size, Anchor anchor, double degrees, Color color,
                     Color halo) {
        StringBuilder place = new StringBuilder("<text x=\"").append(number(x, 2)).append("\" y=\"").append(number(y, 2))
            .append("\" font-size=\"").append(number(size, 2)).append('"');
        if (anchor != Anchor.START) {
            place.append(" text-anchor=\"").append(anchor.name().toLowerCase(Locale.ROOT)).append('"');
        }
        if (degrees != 0) {
            place.append(" transform=\"rotate(").append(number(degrees, 2)).append(' ').append(number(x, 2)).append(' ')
                .append(number(y, 2)).append(")\"");
        }
        String letters = ">" + Markup.escape(text) + "</text>\n";
        if (halo != null) {
            out.append(place).append(paint("stroke", halo)).append(" stroke-width=\"").append(number(size / 4, 2))
                .append('"').append(letters);
        }
        out.append(place).append(paint("fill", color)).append(letters);
    }

    @Override
    public void clip(Rectangle2D area) {
        if (clipped) {
            out.append("</g>\n");
        }
        clipped = area != null;
        if (clipped) {
            clips++;
            out.append("<clipPath id=\"c").append(clips).append("\"><path d=\"").append(data(new Path2D.Double(area), 2))
                .append("\"/></clipPath>\n<g clip-path=\"url(#c").append(clips).append(")\">\n");
        }
    }

    private static String paint(String what, Color color) {
        String paint = " " + what + "=\"" + hex(color) + "\"";
        return color.getAlpha() == 255 ? paint
            : paint + String.format(Locale.ROOT, " %s-opacity=\"%.2f\"", what, color.getAlpha() / 255.0);
    }

    private static String hex(Color color) {
        return String.format(Locale.ROOT, "#%06x", color.getRGB() & 0xffffff);
    }

    private static String data(Path2D path, int decimals) {
        StringBuilder data = new StringBuilder();
        double[] at = new double[6];
        for (PathIterator i = path.getPathIterator(null); !i.isDone(); i.next()) {
            int type = i.currentSegment(at);
            int points = switch (type) {
                case PathIterator.SEG_MOVETO, PathIterator.SEG_LINETO -> 1;
                case PathIterator.SEG_QUADTO -> 2;
                case PathIterator.SEG_CUBICTO -> 3;
                default -> 0;
            };
            data.append("MLQCZ".charAt(type));
            for (int k = 0; k < 2 * points; k++) {
                data.append(k == 0 ? "" : " ").append(number(at[k], decimals));
            }
        }
        return data.toString();
    }

    /** With no more decimals than it needs, and {@code most} at most. */
    static String number(double value, int most) {
        String text = String.format(Locale.ROOT, "%." + most + "f", value).replaceAll("0+$", "");
        text = text.endsWith(".") ? text.substring(0, text.length() - 1) : text;
        return text.equals("-0") ? "0" : text;
    }
}
