package org.talweg.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.talweg.analysis.GradientHealth;
import org.talweg.analysis.GradientLog.Look;
import org.talweg.data.Dataset;
import org.talweg.files.Sha256;
import org.talweg.files.WholeFile;
import org.talweg.train.EpochMetrics;
import org.talweg.train.Evaluator.Judged;

/**
 * What a run showed, as one page of HTML that needs no other file and no network: figures in words, learning curves,
 * gradients, confusions, the worst examples, pictures of the landscape, settings. The same run gives the same bytes.
 *
 * @param name     of the run
 * @param data     what it was trained on, in words
 * @param history  its epochs; may be empty
 * @param outcome  how it ended
 * @param looks    at the gradients while it trained; may be empty
 * @param health   of the gradients of the model as it is now; null if unknown
 * @param test     what the model says of the test rows; null if there are none
 * @param testRows the same rows with their features as a person knows them, not scaled, shown as images where their shape
 *                 is that of one; null if there are none
 * @param pictures SVG files by what they show
 * @param settings tables by what they are about, of values by name
 */
public record Report(String name, String data, List<EpochMetrics> history, Outcome outcome, List<Look> looks,
                     GradientHealth health, Judged test, Dataset testRows, Map<String, String> pictures,
                     Map<String, Map<String, String>> settings) {
    private static final Pattern PLACE = Pattern.compile("\\{\\{(\\w+)}}");

    public Report {
        history = List.copyOf(history);
        looks = List.copyOf(looks);
    }

    /** The whole page. */
    public String html() {
        Html sections = new Html();
        Summary.add(sections, this);
        Curves.add(sections, this);
        Gradients.add(sections, this);
        Confusions.add(sections, this);
        Numbers.add(sections, this);
        Examples.add(sections, this);
        Pictures.add(sections, this);
        Settings.add(sections, this);
        String script = resource("report.js");
        Map<String, String> parts = Map.of("title", new Html().text(name + ": " + Summary.headline(this)).toString(),
            "style", resource("report.css"), "script", script, "hash", hash(script), "body", sections.toString());
        return PLACE.matcher(resource("report.html"))
            .replaceAll(place -> Matcher.quoteReplacement(parts.get(place.group(1))));
    }

    /** By which the browser knows the page's own script; it runs no other. */
    private static String hash(String script) {
        return Base64.getEncoder().encodeToString(Sha256.of(script.getBytes(StandardCharsets.UTF_8)));
    }

    private static String resource(String file) {
        try (InputStream stream = Report.class.getResourceAsStream(file)) {
            if (stream == null) {
                throw new IllegalStateException(file + " is missing beside " + Report.class.getName());
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes the page, whole or not at all; an old one is replaced. */
    public void write(Path path) throws IOException {
        WholeFile.write(path, html());
    }
}
