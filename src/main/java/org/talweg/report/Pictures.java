package org.talweg.report;

import java.nio.charset.StandardCharsets;
import java.util.Base64;

/** The loss around the model, if someone drew it. */
final class Pictures {
    private Pictures() {
    }

    static void add(Html html, Report report) {
        if (report.pictures().isEmpty()) {
            return;
        }
        html.section("landscape", "Landscape").open("div", "class", "pictures");
        // As images and not as parts of the page: a script in one would not run, and names do not meet.
        report.pictures().forEach((caption, svg) -> html.open("figure")
            .empty("img", "alt", caption, "src", "data:image/svg+xml;base64,"
                + Base64.getEncoder().encodeToString(svg.getBytes(StandardCharsets.UTF_8)))
            .add("figcaption", caption).close());
        html.close().close();
    }
}
