package org.talweg.analysis.plot;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.Shape;
import java.awt.font.TextLayout;
import java.awt.geom.AffineTransform;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.FileImageOutputStream;
import javax.imageio.stream.ImageOutputStream;

/** Draws pixels, three for two units of length. */
final class PngCanvas implements Canvas {
    private static final double SCALE = 1.5;

    private final BufferedImage image;
    private final Graphics2D graphics;

    PngCanvas(int width, int height) {
        image = new BufferedImage((int) (width * SCALE), (int) (height * SCALE), BufferedImage.TYPE_INT_RGB);
        graphics = image.createGraphics();
        graphics.scale(SCALE, SCALE);
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    }

    void write(Path path) throws IOException {
        graphics.dispose();
        ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
        ImageWriteParam settings = writer.getDefaultWriteParam();
        settings.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        settings.setCompressionQuality(0);
        Files.deleteIfExists(path);
        try (ImageOutputStream out = new FileImageOutputStream(path.toFile())) {
            writer.setOutput(out);
            writer.write(null, new IIOImage(image, null, null), settings);
        } finally {
            writer.dispose();
        }
    }

    @Override
    public void fill(Path2D path, Color color) {
        Path2D evenOdd = new Path2D.Double(path);
        evenOdd.setWindingRule(Path2D.WIND_EVEN_ODD);
        graphics.setColor(color);
        graphics.fill(evenOdd);
    }

    @Override
    public void tile(Path2D path, Color color) {
        fill(path, color);
        stroke(path, color, 0.6);
    }

    @Override
    public void stroke(Path2D path, Color color, double width) {
        graphics.setColor(color);
        graphics.setStroke(new BasicStroke((float) width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
        graphics.draw(path);
    }

    @Override
    public void text(String text, double x, double y, double size, Anchor anchor, double degrees, Color color,
                     Color halo) {
        if (text.isEmpty()) {
            return;
        }
        Font font = new Font(Font.SANS_SERIF, Font.PLAIN, 1).deriveFont((float) size);
        TextLayout layout = new TextLayout(text, font, graphics.getFontRenderContext());
        double start = switch (anchor) {
            case START -> 0;
            case MIDDLE -> -layout.getAdvance() / 2;
            case END -> -layout.getAdvance();
        };
        AffineTransform place = AffineTransform.getTranslateInstance(x, y);
        place.rotate(Math.toRadians(degrees));
        place.translate(start, 0);
        Shape letters = layout.getOutline(place);
        if (halo != null) {
            graphics.setColor(halo);
            graphics.setStroke(new BasicStroke((float) (size / 4), BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND));
            graphics.draw(letters);
        }
        graphics.setColor(color);
        graphics.fill(letters);
    }

    @Override
    public void clip(Rectangle2D area) {
        graphics.setClip(area);
    }
}
