package org.talweg.report;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.List;
import javax.imageio.ImageIO;
import org.talweg.tensor.Shape;

/**
 * How a row of features is an image: by the model's input shape, [height, width], [height, width, channels] or [channels,
 * height, width]; or as a square of grey pixels where the features have the same name but for numbers, such as
 * {@code p00} to {@code p77}.
 *
 * @param channels 1 for grey, 3 for red, green and blue
 * @param apart    whether each channel's pixels stand together
 */
record PixelImage(int height, int width, int channels, boolean apart) {
    private static final int SMALLEST_SIDE = 8;
    /** On the page; larger images are shown at a whole fraction of their size. */
    private static final int LARGEST_SIDE = 192;

    /** Or null if a row is no image. */
    static PixelImage of(Shape input, List<String> features) {
        PixelImage image = input.rank() == 1 ? square(features) : shaped(input);
        return image != null && (long) image.height * image.width * image.channels == features.size() ? image : null;
    }

    private static PixelImage shaped(Shape input) {
        if (input.rank() == 2) {
            return new PixelImage(input.dim(0), input.dim(1), 1, false);
        }
        if (input.rank() != 3) {
            return null;
        }
        boolean last = input.dim(2) == 1 || input.dim(2) == 3;
        boolean first = input.dim(0) == 1 || input.dim(0) == 3;
        return last ? new PixelImage(input.dim(0), input.dim(1), input.dim(2), false)
            : first ? new PixelImage(input.dim(1), input.dim(2), input.dim(0), true) : null;
    }

    private static PixelImage square(List<String> features) {
        int side = (int) Math.round(Math.sqrt(features.size()));
        boolean alike = features.stream().map(name -> name.replaceAll("[^\\p{L}]", "")).distinct().count() == 1;
        return side >= SMALLEST_SIDE && side * side == features.size() && alike ? new PixelImage(side, side, 1, false)
            : null;
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
