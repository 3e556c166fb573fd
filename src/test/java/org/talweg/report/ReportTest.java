package org.talweg.report;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.StringReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.analysis.GradientHealth;
import org.talweg.analysis.GradientHealth.Condition;
import org.talweg.analysis.GradientHealth.Finding;
import org.talweg.analysis.GradientLog.Look;
import org.talweg.data.Dataset;
import org.talweg.tensor.Shape;
import org.talweg.train.EpochMetrics;
import org.talweg.train.Evaluator.Judged;
import org.talweg.train.Predictions;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** The page holds what the run showed, is well-formed, and comes out whatever the run was. */
class ReportTest {

    private static Document page(Report report) throws Exception {
        Document page = DocumentBuilderFactory.newInstance().newDocumentBuilder()
            .parse(new InputSource(new StringReader(report.html())));
        assertEquals(1, page.getElementsByTagName("h1").getLength());
        assertEquals(1, page.getElementsByTagName("script").getLength());
        // Every link within the page leads somewhere, and every part has a heading.
        List<String> ids = elements(page, "section").stream().map(section -> section.getAttribute("id")).toList();
        assertEquals(ids.size(), ids.stream().distinct().count(), ids.toString());
        for (Element link : elements(page, "a")) {
            assertTrue(ids.contains(link.getAttribute("href").substring(1)), link.getAttribute("href") + " of " + ids);
        }
        for (Element image : elements(page, "img")) {
            assertFalse(image.getAttribute("alt").isBlank());
            assertTrue(image.getAttribute("src").startsWith("data:image/"), image.getAttribute("src"));
        }
        for (Element chart : elements(page, "svg")) {
            assertFalse(chart.getAttribute("aria-label").isBlank());
        }
        return page;
    }

    private static List<Element> elements(Document page, String name) {
        NodeList nodes = page.getElementsByTagName(name);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            elements.add((Element) nodes.item(i));
        }
        return elements;
    }

    private static List<Element> elements(Document page, String name, String type) {
        return elements(page, name).stream().filter(e -> List.of(e.getAttribute("class").split(" ")).contains(type)).toList();
    }

    private static double[] curve(Document page, int figure, String name) {
        Element plot = elements(page, "figure", "plot").get(figure);
        NodeList paths = plot.getElementsByTagName("path");
        for (int i = 0; i < paths.getLength(); i++) {
            Element path = (Element) paths.item(i);
            if (path.getAttribute("data-name").equals(name)) {
                return Arrays.stream(path.getAttribute("data-values").split(" ")).mapToDouble(Double::parseDouble).toArray();
            }
        }
        throw new AssertionError("no curve " + name + " in " + plot.getTextContent());
    }

    private static String section(Document page, String id) {
        return elements(page, "section").stream().filter(s -> s.getAttribute("id").equals(id)).findFirst()
            .map(Element::getTextContent).orElse("");
    }

    @Test
    void curvesHoldTheRunsValuesAndTheKeptEpochIsMarked() throws Exception {
        List<EpochMetrics> history = Reports.history(12);
        Document page = page(Reports.report(history, 9, Reports.images(Reports.names("c", 4))));
        assertArrayEquals(history.stream().mapToDouble(EpochMetrics::loss).toArray(), curve(page, 0, "training"), 1e-6);
        assertArrayEquals(history.stream().mapToDouble(EpochMetrics::valLoss).toArray(), curve(page, 0, "validation"), 1e-6);
        assertArrayEquals(history.stream().mapToDouble(EpochMetrics::valAccuracy).toArray(), curve(page, 1, "validation"),
            1e-6);
        String curves = section(page, "curves");
        for (String part : List.of("Loss", "Accuracy", "F1", "Learning rate", "epoch 9, kept", "9 ★")) {
            assertTrue(curves.contains(part), part + " in " + curves);
        }
        // The point of the kept epoch lies on the curve: at 8/11 of the width.
        Element mark = elements(page, "circle", "best").get(0);
        assertEquals(60 + 406 * 8 / 11.0, Double.parseDouble(mark.getAttribute("cx")), 0.06);
        String path = elements(page, "path", "curve").get(1).getAttribute("d");
        assertTrue(path.contains("L" + mark.getAttribute("cx") + " " + mark.getAttribute("cy")), path);
    }

    @Test
    void theSameRunGivesTheSamePage() {
        Report report = Reports.report(Reports.history(3), 2, Reports.images(Reports.names("c", 4)));
        assertEquals(report.html(), report.html());
    }

    @Test
    void nothingOnThePageLeadsOutOfIt() {
        String html = Reports.report(Reports.history(3), 2, Reports.images(Reports.names("c", 4))).html();
        String without = html.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xhtml", "");
        assertFalse(without.contains("http:") || without.contains("https:") || without.contains("//www"), "an address");
        assertFalse(without.contains("@import") || without.contains("url("), "a style from elsewhere");
    }

    @Test
    void namesAreTextWhateverTheyHold() throws Exception {
        String evil = "</script><script>alert(\"1\")</script> & 'x' <b>\u202e\u0007\ud800";
        String shown = evil.replace('\u0007', '\ufffd').replace('\ud800', '\ufffd');
        Judged test = Reports.classes(List.of(evil, "plain"), List.of(evil + "a", "b", "c"));
        Report report = Reports.report(Reports.history(3), 2, test);
        report = new Report(evil, evil, report.history(), report.outcome(), report.looks(), report.health(), test,
            test.predictions().data(), Map.of(evil, "<svg/>"), Map.of(evil, Map.of(evil, evil)));
        Document page = page(report);
        assertTrue(section(page, "confusions").contains(shown));
        assertTrue(section(page, "examples").contains(shown + "a"));
        assertTrue(section(page, "settings").contains(shown));
        assertTrue(page.getElementsByTagName("h2").getLength() > 4);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 10, 25, 26, 100})
    void anyNumberOfClassesIsReadable(int classes) throws Exception {
        Document page = page(Reports.report(Reports.history(3), 2, Reports.images(Reports.names("class ", classes))));
        boolean numbers = classes <= 25;
        assertEquals(numbers ? 1 : 0, elements(page, "table", "confusion").size());
        assertEquals(numbers ? 0 : 1, elements(page, "svg", "matrix").size());
        long right = elements(page, numbers ? "td" : "rect", "right").stream().mapToLong(cell -> Long.parseLong(
            numbers ? cell.getTextContent() : cell.getTextContent().replaceAll(".*found (\\d+) of.*", "$1"))).sum();
        long wrong = elements(page, numbers ? "td" : "rect", "wrong").stream().filter(cell -> !cell.getTagName().equals("li"))
            .mapToLong(cell -> Long.parseLong(numbers ? cell.getTextContent()
                : cell.getTextContent().replaceAll(".* (\\d+) of.*", "$1"))).sum();
        assertEquals(Reports.ROWS, right + wrong);
        String headline = page.getElementsByTagName("h1").item(0).getTextContent();
        assertEquals(Words.share((double) right / Reports.ROWS) + " of 300 test rows are right", headline);
        assertTrue(section(page, "confusions").contains("class " + (classes - 1)));
    }

    @Test
    void theWorstExamplesAreThoseWithTheLargestLoss() throws Exception {
        Judged test = Reports.images(Reports.names("c", 4));
        test.losses()[17] = 99;
        test.losses()[5] = Float.NaN;
        Document page = page(Reports.report(Reports.history(3), 2, test));
        List<Element> images = elements(page, "img");
        assertEquals(24, images.size());
        assertTrue(images.get(0).getAttribute("alt").startsWith("test row 5:"), images.get(0).getAttribute("alt"));
        assertTrue(images.get(1).getAttribute("alt").startsWith("test row 17: is c1"), images.get(1).getAttribute("alt"));
        BufferedImage image = image(images.get(1).getAttribute("src"));
        assertEquals(8, image.getWidth());
        float[] features = test.predictions().data().features();
        // Random pixels reach from about 0 to about 1.
        for (int i = 0; i < 64; i++) {
            assertEquals(255 * features[17 * 64 + i], image.getRaster().getSample(i % 8, i / 8, 0), 2);
        }
    }

    private static BufferedImage image(String uri) throws Exception {
        return ImageIO.read(new ByteArrayInputStream(Base64.getDecoder().decode(uri.substring(uri.indexOf(',') + 1))));
    }

    @Test
    void imagesHaveColoursInEitherOrder() throws Exception {
        PixelImage last = PixelImage.of(Shape.of(2, 4, 3));
        PixelImage first = PixelImage.of(Shape.of(3, 2, 4));
        float[] pixels = new float[24];
        pixels[(1 * 4 + 2) * 3 + 1] = 1;
        float[] planes = new float[24];
        planes[(1 * 2 + 1) * 4 + 2] = 1;
        for (BufferedImage image : List.of(image(last.dataUri(pixels, 0, 1)), image(first.dataUri(planes, 0, 1)))) {
            assertEquals(4, image.getWidth());
            assertEquals(0xff00ff00, image.getRGB(2, 1));
            assertEquals(0xff000000, image.getRGB(1, 1));
        }
        float[] large = new float[400 * 300];
        large[2] = 9;
        BufferedImage shrunk = image(new PixelImage(400, 300, 1, false).dataUri(large, 0, 1));
        assertEquals(100, shrunk.getWidth(), "a third of it");
        assertEquals(255, shrunk.getRaster().getSample(0, 0, 0), "mean of 9 pixels");
        assertEquals(0, shrunk.getRaster().getSample(1, 0, 0));
        assertEquals(134, shrunk.getHeight());
        assertEquals(new PixelImage(6, 4, 1, false), PixelImage.of(Shape.of(6, 4)));
        assertNull(PixelImage.of(Shape.of(64)), "columns of a table, as many as a square has");
        assertNull(PixelImage.of(Shape.of(4, 4, 2)), "neither grey nor colours");
    }

    @Test
    void aRegressionSaysHowFarOffItIs() throws Exception {
        Document page = page(Reports.report(Reports.history(3), 2, Reports.numbers(1)));
        assertTrue(page.getElementsByTagName("h1").item(0).getTextContent().startsWith("Test predictions are off by 0."));
        assertEquals("", section(page, "confusions"));
        assertEquals(12, elements(page, "table", "examples").get(0).getElementsByTagName("tbody").item(0).getChildNodes()
            .getLength() / 2);
        Element points = elements(page, "path", "points").get(0);
        assertEquals(Reports.ROWS, points.getAttribute("d").chars().filter(c -> c == 'M').count());
        page = page(Reports.report(Reports.history(3), 2, Reports.numbers(8)));
        assertEquals(6, elements(page, "path", "points").size());
    }

    @Test
    void aPageComesOutWhateverIsMissing() throws Exception {
        EpochMetrics plain = new EpochMetrics(1, 0.5, Double.NaN, Double.NaN, Double.NaN, 2, 0.01, 10, 0, 100, Map.of());
        Document page = page(Reports.report(List.of(plain), 0, null));
        assertEquals(1, curve(page, 0, "training").length);
        assertTrue(section(page, "curves").contains("epoch 1, best"));
        page = page(Reports.report(List.of(), 0, null));
        assertTrue(section(page, "curves").contains("No epoch"));
        Report bare = new Report("r", "d", List.of(), new Outcome("", 0, 0, null, Double.NaN, 1, "cpu", Map.of()), List.of(),
            null, null, null, Map.of(), Map.of());
        page(bare);
    }

    @Test
    void lossesThatAreNoNumbersLeaveGaps() throws Exception {
        List<EpochMetrics> history = new ArrayList<>(Reports.history(6));
        history.set(2, new EpochMetrics(3, Double.NaN, 0.5, Double.POSITIVE_INFINITY, 0.5, 2, 0.01, 10, 10, 100, Map.of()));
        Document page = page(Reports.report(history, 0, Reports.images(Reports.names("c", 4))));
        Element training = elements(page, "path", "curve").get(0);
        assertEquals(2, training.getAttribute("d").chars().filter(c -> c == 'M').count(), training.getAttribute("d"));
        assertTrue(training.getAttribute("data-values").split(" ")[2].equals("NaN"));
        assertTrue(section(page, "summary").contains("10 steps were skipped"));
        EpochMetrics lost = new EpochMetrics(1, Double.NaN, 0, Double.NaN, 0, Double.NaN, 0.01, 10, 10, 100, Map.of());
        page(Reports.report(List.of(lost, lost), 0, null));
        Judged test = Reports.images(Reports.names("c", 4));
        Arrays.fill(test.predictions().outputs(), Float.NaN);
        page = page(Reports.report(history, 0, test));
        assertEquals("0\u00a0% of 300 test rows are right", page.getElementsByTagName("h1").item(0).getTextContent());
    }

    @Test
    void yesOrNoIsTwoClasses() throws Exception {
        Dataset data = Dataset.classification("d", List.of("a"), new float[] {1, 2, 3, 4}, "y", new int[] {0, 1, 0, 1},
            List.of("no", "yes"));
        Judged test = new Judged(new Predictions(data, new float[] {-1, 1, 1, 2}, 1, 0, true), new float[4]);
        assertTrue(page(Reports.report(Reports.history(2), 1, test)).getElementsByTagName("h1").item(0).getTextContent()
            .startsWith("75.0"));
        Dataset columns = Dataset.regression("d", List.of("a"), new float[] {1, 2}, List.of("p", "q"), new float[] {0, 1, 1, 1});
        test = new Judged(new Predictions(columns, new float[] {-1, 1, 1, -2}, 2, 0, true), new float[2]);
        assertTrue(page(Reports.report(Reports.history(2), 1, test)).getElementsByTagName("h1").item(0).getTextContent()
            .contains("of 4 test answers"));
    }

    @Test
    void whatIsWrongWithGradientsIsSaidOnceWithItsTime() throws Exception {
        Report sound = Reports.report(Reports.history(6), 2, null);
        GradientHealth ill = new GradientHealth(sound.health().layers(), 1, 1, 1e-5,
            List.of(new Finding(Condition.VANISHING, "gradients vanish: dense_1 gets 1e-5 of it", "ReLU")));
        GradientHealth worse = new GradientHealth(sound.health().layers(), 1, 1, 1e-6,
            List.of(new Finding(Condition.VANISHING, "gradients vanish: dense_1 gets 2.5e-6 of it", "ReLU")));
        Report report = new Report(sound.name(), sound.data(), sound.history(), sound.outcome(),
            List.of(new Look(0, sound.health()), new Look(2, ill), new Look(4, worse)), worse, null, null,
            Map.of(), Map.of());
        Document page = page(report);
        List<Element> verdicts = elements(page, "p", "bad");
        assertEquals(1, verdicts.size());
        String text = verdicts.get(0).getTextContent();
        assertTrue(text.startsWith("Gradients vanish: dense_1 gets 2.5e-6 of it. So it is now, and was after epoch 2 and in "
            + "1 of 2 other looks. Try ReLU"), text);
    }

    @Test
    void deepModelsAndLongRunsStayReadable() throws Exception {
        Report report = Reports.report(Reports.history(5000), 4321, null);
        report = new Report(report.name(), report.data(), report.history(), report.outcome(),
            List.of(new Look(0, Reports.health(40, 0.9)), new Look(10, Reports.health(40, 0.8))), Reports.health(40, 0.8), null,
            null, Map.of(), Map.of());
        Document page = page(report);
        assertTrue(curve(page, 0, "training").length <= 1002);
        assertTrue(section(page, "curves").contains("epoch 4321, kept"));
        assertTrue(section(page, "curves").contains("of 5,000 epochs"));
        assertTrue(report.html().length() < 400_000, "size " + report.html().length());
        assertEquals(2, curve(page, 5, "dense_40").length);
    }
}
