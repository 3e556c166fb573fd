package org.talweg.report;

/** How the run was made and on what. */
final class Settings {
    private Settings() {
    }

    static void add(Html html, Report report) {
        html.section("settings", "Settings").open("div", "class", "beside");
        report.settings().forEach((heading, values) -> {
            html.open("div").add("h3", heading).open("table", "class", "settings").open("tbody");
            values.forEach((name, value) -> html.open("tr").add("th", name, "scope", "row").open("td").name(value).close()
                .close());
            html.close().close().close();
        });
        html.close().close();
    }
}
