package org.talweg.report;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import javax.imageio.ImageIO;
import org.talweg.tensor.Shape;

/**
 * How a row of features is an image: by its shape, [height, width], [height, width, channels] or [channels, height, width].
 *
 * @param channels 1 for grey, 3 for red, green and blue
 * @param apart    whether each channel's pixels stand together
 */
record PixelImage(int height, int width, int channels, boolean apart) {
    /** On the page; larger images are shown at a whole fraction of their size. */
    private static final int LARGEST_SIDE = 192;

    /** Or null if a row of this shape is no image. */
    static PixelImage of(Shape row) {
        if (row.rank() == 2) {
            return new PixelImage(row.dim(0), row.dim(1), 1, false);
        }
        if (row.rank() != 3) {
            return null;
        }
        boolean last = row.dim(2) == 1 || row.dim(2) == 3;
        boolean first = row.dim(0) == 1 || row.dim(0) == 3;
        return last ? new PixelImage(row.dim(0), row.dim(1), row.dim(2), false)
            : first ? new PixelImage(row.dim(1), row.dim(2), row.dim(0), true) : null;
    }

    /**
     * As a PNG in a data URI, to be used in a page as it stands.
     *
     * @param low  value that is black
     * @param high value that is white
     */
    String dataUri(float[] pixels, float low, float high) {
        int scale = (Math.max(height, width) + LARGEST_SIDE - 1) / LARGEST_SIDE;
        BufferedImage image = new BufferedImage((width + scale - 1) / scale, (height + scale - 1) / scale,
            channels == 1 ? BufferedImage.TYPE_BYTE_GRAY : BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                for (int c = 0; c < channels; c++) {
                    double share = (mean(pixels, x * scale, y * scale, c, scale) - low) / (high - low);
                    // What is no number is black.
                    image.getRaster().setSample(x, y, c, (int) (255 * Math.min(1, Math.max(0, share)) + 0.5));
                }
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            ImageIO.write(image, "png", bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return "data:image/png;base64," + Base64.getEncoder().encodeToString(bytes.toByteArray());
    }

    /** Of one channel over a square of pixels that may reach over the edge. */
    private double mean(float[] pixels, int left, int top, int channel, int scale) {
        double sum = 0;
        int count = 0;
        for (int y = top; y < Math.min(height, top + scale); y++) {
            for (int x = left; x < Math.min(width, left + scale); x++) {
                sum += pixels[apart ? (channel * height + y) * width + x : (y * width + x) * channels + channel];
                count++;
            }
        }
        return sum / count;
    }
}
