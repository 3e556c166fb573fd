package org.talweg.analysis.plot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.DoubleBinaryOperator;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.talweg.analysis.Landscape;
import org.talweg.analysis.Landscape.Point;
import org.talweg.analysis.LossSurface;
import org.w3c.dom.Document;

/** Pictures show what they should, and come out whatever the losses are. */
class PictureTest {
    @TempDir
    private Path folder;

    private static Landscape landscape(int n, int m, DoubleBinaryOperator f) {
        double[] alphas = LossSurface.range(-1, 2, n);
        double[] betas = LossSurface.range(-1, 1, m);
        double[][] losses = new double[n][m];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < m; j++) {
                losses[i][j] = f.applyAsDouble(alphas[i], betas[j]);
            }
        }
        return new Landscape("first & best", "second <b>", alphas, betas, losses,
            List.of(new Point(1.5, 0.8, 3), new Point(1, 0, 1), new Point(0, 0, 0.1)));
    }

    private BufferedImage png(Picture picture) throws IOException {
        Path file = folder.resolve("picture.png");
        picture.writePng(file);
        return ImageIO.read(file.toFile());
    }

    private Document svg(Picture picture) throws Exception {
        Path file = folder.resolve("picture.svg");
        picture.writeSvg(file);
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file.toFile());
    }

    /** The colour at a place of the plane. */
    private static Color at(BufferedImage image, double alpha, double beta) {
        double scale = image.getWidth() / 760.0;
        double x = 74 + (alpha + 1) / 3 * 560;
        double y = 550 - (beta + 1) / 2 * 490;
        return new Color(image.getRGB((int) (x * scale), (int) (y * scale)));
    }

    private static double lightness(Color color) {
        return 0.299 * color.getRed() + 0.587 * color.getGreen() + 0.114 * color.getBlue();
    }

    @Test
    void contoursAreDarkWhereTheLossIsLow() throws IOException {
        BufferedImage image = png(new ContourPlot(landscape(31, 17, (a, b) -> Math.hypot(a + 0.5, b - 0.5)), "A cone"));
        double low = lightness(at(image, -0.6, 0.55));
        assertTrue(low < 60, "at the minimum " + at(image, -0.6, 0.55));
        assertTrue(lightness(at(image, 1.9, -0.9)) > 150, "far away " + at(image, 1.9, -0.9));
        assertTrue(low < lightness(at(image, 0.6, 0.7)) && lightness(at(image, 0.6, 0.7)) < lightness(at(image, 1.9, -0.9)));
    }

    @Test
    void whatIsNotFiniteIsGrey() throws IOException {
        BufferedImage image = png(new ContourPlot(
            landscape(31, 17, (a, b) -> a > 1 ? Double.NaN : b > 0.5 ? Double.POSITIVE_INFINITY : a * a + b * b), "Holes"));
        assertEquals(Palette.NOTHING, at(image, 1.8, -0.5));
        assertEquals(Palette.NOTHING, at(image, 0.3, 0.8));
        assertFalse(Palette.NOTHING.equals(at(image, 0.3, 0.3)));
    }

    @Test
    void textIsTextInVectors() throws Exception {
        Document contour = svg(new ContourPlot(landscape(10, 7, (a, b) -> 1 + a * a + b * b), "Title < & >"));
        String text = contour.getDocumentElement().getTextContent();
        for (String part : List.of("Title < & >", "first & best", "second <b>", "10 × 7 points, loss 1 to 6", "the model",
            "lowest point of the grid", "training, from its start", "loss", "2", "0.5")) {
            assertTrue(text.contains(part), part + " in " + text);
        }
        assertTrue(contour.getElementsByTagName("path").getLength() > 20);
        Document surface = svg(new SurfacePlot(landscape(9, 7, (a, b) -> a * a + b * b), "Relief"));
        assertTrue(surface.getElementsByTagName("path").getLength() >= 8 * 6, "a tile a cell");
        assertTrue(surface.getDocumentElement().getTextContent().contains("first & best"));
    }

    @Test
    void everyLandscapeHasAPicture() throws Exception {
        List<DoubleBinaryOperator> functions = List.of((a, b) -> 3, (a, b) -> 0, (a, b) -> Double.NaN,
            (a, b) -> a == -1 ? 1 : Double.POSITIVE_INFINITY, (a, b) -> Math.exp(40 * a), (a, b) -> -a, (a, b) -> 1e-30 * b,
            (a, b) -> Math.max(0, a), (a, b) -> 1e300 * (2 + a));
        for (DoubleBinaryOperator f : functions) {
            for (int[] shape : new int[][] {{2, 2}, {5, 2}, {2, 7}, {12, 30}}) {
                Landscape landscape = landscape(shape[0], shape[1], f);
                for (Picture picture : List.of(new ContourPlot(landscape, ""), new SurfacePlot(landscape.withPath(List.of()), ""))) {
                    String text = svg(picture).getDocumentElement().getTextContent();
                    assertFalse(text.contains("NaN") || text.contains("Infinity"), text);
                    String file = Files.readString(folder.resolve("picture.svg"));
                    assertFalse(file.contains("NaN"), file);
                }
            }
        }
        png(new SurfacePlot(landscape(4, 6, functions.get(2)), "nothing to see"));
    }

    @Test
    void linesHaveALinePlot() throws Exception {
        double[] alphas = LossSurface.range(-1, 1, 5);
        Landscape line = new Landscape("along", "", alphas, new double[] {0},
            new double[][] {{3}, {Double.NaN}, {0.01}, {1}, {2}}, List.of());
        String text = svg(new LinePlot(line, "A line")).getDocumentElement().getTextContent();
        assertTrue(text.contains("along") && text.contains("5 points") && text.contains("1 not finite"), text);
        assertTrue(text.contains("logarithmic"), text);
        assertEquals(1140, png(new LinePlot(line, "A line")).getWidth());
        assertThrows(IllegalArgumentException.class, () -> new ContourPlot(line, ""));
        assertThrows(IllegalArgumentException.class, () -> new SurfacePlot(line, ""));
        assertThrows(IllegalArgumentException.class, () -> new LinePlot(landscape(2, 2, (a, b) -> 1), ""));
    }
}
