package org.talweg.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.train.Evaluator.Judged;

/** The page in a real browser, where one is installed. */
class ReportBrowserTest {
    // The browser still writes to its profile while it ends.
    @TempDir(cleanup = CleanupMode.NEVER)
    private static Path folder;
    private static Browser browser;

    @BeforeAll
    static void start() throws Exception {
        Path executable = Browser.executable().orElse(null);
        Assumptions.assumeTrue(executable != null, "no Chromium here: install the package chromium, or name one in CHROME");
        browser = new Browser(executable, folder.resolve("profile"));
    }

    @AfterAll
    static void stop() throws Exception {
        if (browser != null) {
            browser.close();
        }
    }

    private static Path page(Judged test) throws Exception {
        Report report = Reports.report(Reports.history(12), 9, test);
        report = new Report(report.name(), report.data(), report.history(), report.outcome(), report.looks(), report.health(),
            test, report.testRows(), Map.of("A picture", "<svg xmlns=\"http://www.w3.org/2000/svg\" "
            + "viewBox=\"0 0 760 640\"><rect width=\"760\" height=\"640\" fill=\"#ffffff\"/></svg>"), Map.of("Run", Map.of(
            "arguments", "train --hidden " + "128,".repeat(60))));
        Path file = folder.resolve("report.html");
        report.write(file);
        return file;
    }

    private static Path images() throws Exception {
        return page(Reports.images(Reports.names("c", 10)));
    }

    private static void isQuiet(Path file) {
        assertEquals(List.of(), browser.complaints());
        assertEquals(List.of(file.toUri().toString()), browser.requests().stream().filter(url -> !url.startsWith("data:"))
            .toList());
    }

    @ParameterizedTest
    @CsvSource({"1280, false", "1280, true", "390, false", "390, true"})
    void curvesAreSeen(int width, boolean dark) throws Exception {
        Path file = images();
        browser.open(file, width, 900, dark);
        isQuiet(file);
        browser.evaluate("document.querySelector('#curves').scrollIntoView()");
        JsonNode box = browser.evaluate("(() => { const b = document.querySelector('.chart').getBoundingClientRect();"
            + "return [b.x, b.y, b.width, b.height]; })()");
        BufferedImage image = browser.screenshot();
        for (String curve : List.of("training", "validation")) {
            Color color = color("getComputedStyle(document.querySelector('path[data-name=" + curve + "]')).color");
            assertTrue(columns(image, box, color) > 0.6 * box.get(2).asInt(), curve + " in " + color + " is seen in "
                + columns(image, box, color) + " of " + box.get(2).asInt() + " columns");
        }
        Color paper = color("getComputedStyle(document.querySelector('section')).backgroundColor");
        assertEquals(dark, paper.getRed() < 60, "paper " + paper);
        assertTrue(contrast(color("getComputedStyle(document.querySelector('.note')).color"), paper) >= 4.5);
        assertTrue(contrast(color("getComputedStyle(document.body).color"), paper) >= 10);
        assertTrue(contrast(color("getComputedStyle(document.querySelector('.chart text')).fill"), paper) >= 4.5);
        for (String curve : List.of("training", "validation", "dense_1", "dense_2", "dense_3")) {
            Color color = color("getComputedStyle(document.querySelector('path[data-name=" + curve + "]')).color");
            assertTrue(contrast(color, paper) >= 3, curve + " " + color);
        }
    }

    /** Painted, because a colour may be given in any colour space. */
    private static Color color(String expression) throws Exception {
        JsonNode rgb = browser.evaluate("(() => { const c = document.createElement('canvas').getContext('2d');"
            + "c.fillStyle = " + expression + "; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data]; })()");
        return new Color(rgb.get(0).asInt(), rgb.get(1).asInt(), rgb.get(2).asInt());
    }

    /** How many columns of pixels in a box have the colour. */
    private static int columns(BufferedImage image, JsonNode box, Color color) {
        int columns = 0;
        for (int x = box.get(0).asInt(); x < box.get(0).asInt() + box.get(2).asInt(); x++) {
            for (int y = Math.max(0, box.get(1).asInt()); y < box.get(1).asInt() + box.get(3).asInt(); y++) {
                Color pixel = new Color(image.getRGB(x, y));
                if (Math.abs(pixel.getRed() - color.getRed()) + Math.abs(pixel.getGreen() - color.getGreen())
                    + Math.abs(pixel.getBlue() - color.getBlue()) < 60) {
                    columns++;
                    break;
                }
            }
        }
        return columns;
    }

    /** As the Web Content Accessibility Guidelines have it. */
    private static double contrast(Color a, Color b) {
        double x = luminance(a);
        double y = luminance(b);
        return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
    }

    private static double luminance(Color color) {
        double[] weights = {0.2126, 0.7152, 0.0722};
        int[] parts = {color.getRed(), color.getGreen(), color.getBlue()};
        double sum = 0;
        for (int i = 0; i < 3; i++) {
            double part = parts[i] / 255.0;
            sum += weights[i] * (part <= 0.04045 ? part / 12.92 : Math.pow((part + 0.055) / 1.055, 2.4));
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 10, 25, 100})
    void nothingIsWiderThanANarrowPhone(int classes) throws Exception {
        Path file = page(classes == 0 ? Reports.numbers(3)
            : Reports.classes(Reports.names("a rather long name of a class ", classes), Reports.names("column", 30)));
        browser.open(file, 360, 800, false);
        isQuiet(file);
        assertEquals(360, browser.evaluate("innerWidth").asInt(), "the page made the phone zoom out");
        assertEquals(360, browser.evaluate("document.documentElement.scrollWidth").asInt());
    }

    @Test
    void tenClassesFitOnAPhoneWithoutScrolling() throws Exception {
        browser.open(images(), 390, 800, false);
        assertTrue(browser.evaluate("(() => { const box = document.querySelector('.confusion').parentElement;"
            + "return box.scrollWidth <= box.clientWidth; })()").asBoolean());
    }

    @Test
    void theLegendFollowsThePointerAndTheKeys() throws Exception {
        browser.open(images(), 1280, 900, false);
        String legend = "document.querySelector('figure.plot figcaption').textContent";
        String kept = browser.evaluate(legend).asText();
        assertTrue(kept.contains("epoch 9") && kept.contains("0.2222") && kept.contains("0.2011"), kept);
        browser.evaluate("document.querySelector('.chart').focus()");
        browser.call("Input.dispatchKeyEvent", "{\"type\":\"keyDown\",\"key\":\"ArrowLeft\",\"code\":\"ArrowLeft\"}");
        String left = browser.evaluate(legend).asText();
        assertTrue(left.contains("epoch 11") && left.contains("0.1818"), left);
        browser.evaluate("document.activeElement.blur()");
        assertEquals(kept, browser.evaluate(legend).asText());
        JsonNode box = browser.evaluate("(() => { const b = document.querySelector('.chart').getBoundingClientRect();"
            + "return [b.x + b.width * 60 / 480, b.y + b.height / 2]; })()");
        browser.call("Input.dispatchMouseEvent", "{\"type\":\"mouseMoved\",\"x\":" + box.get(0) + ",\"y\":" + box.get(1) + "}");
        String first = browser.evaluate(legend).asText();
        assertTrue(first.contains("epoch 1") && first.contains("2.000"), first);
        assertNotEquals(kept, first);
        assertEquals(List.of(), browser.complaints());
    }

    /** On paper it is light whatever the screen is, and nothing is cut off at the edge. */
    @Test
    void printed() throws Exception {
        browser.open(images(), 794, 1123, true);
        browser.call("Emulation.setEmulatedMedia",
            "{\"media\":\"print\",\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"dark\"}]}");
        assertEquals("rgb(255, 255, 255)", browser.evaluate("getComputedStyle(document.body).backgroundColor").asText());
        assertEquals("", browser.evaluate("[...document.querySelectorAll('body *')].filter(e => "
            + "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.getAttribute('class')).join()")
            .asText());
        byte[] pdf = browser.call("Page.printToPDF", "{\"printBackground\":true,\"preferCSSPageSize\":true}").get("data")
            .binaryValue();
        assertTrue(new String(pdf, 0, 4, StandardCharsets.US_ASCII).equals("%PDF"));
    }
}
