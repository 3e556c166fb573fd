package org.talweg.report;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import org.talweg.analysis.plot.Markup;

/** Builds HTML that is well-formed XML as well: every element is closed, every text escaped. */
final class Html {
    /** No space follows what stands within a line. */
    private static final Set<String> INLINE = Set.of("a", "b", "small", "span", "strong");

    private final StringBuilder out = new StringBuilder();
    private final Deque<String> elements = new ArrayDeque<>();

    /** @param attributes names and values in turn */
    Html open(String element, String... attributes) {
        start(element, attributes).append('>');
        elements.push(element);
        return this;
    }

    Html close() {
        String element = elements.pop();
        out.append("</").append(element).append(INLINE.contains(element) ? ">" : ">\n");
        return this;
    }

    /** An element that holds nothing but a text. */
    Html add(String element, String text, String... attributes) {
        return open(element, attributes).text(text).close();
    }

    /** An element that has no end, such as an image. */
    Html empty(String element, String... attributes) {
        start(element, attributes).append("/>\n");
        return this;
    }

    private StringBuilder start(String element, String... attributes) {
        out.append('<').append(element);
        for (int i = 0; i < attributes.length; i += 2) {
            out.append(' ').append(attributes[i]).append("=\"").append(Markup.escape(attributes[i + 1])).append('"');
        }
        return out;
    }

    Html text(String text) {
        out.append(Markup.escape(text));
        return this;
    }

    /** A name that someone else chose: its direction of writing does not reach beyond it. */
    Html name(String text) {
        out.append("<bdi>").append(Markup.escape(text)).append("</bdi>");
        return this;
    }

    /** What is markup already. */
    Html markup(String markup) {
        out.append(markup);
        return this;
    }

    /** A part of the page that has a heading and a place in its contents. */
    Html section(String id, String heading) {
        return open("section", "id", id, "aria-labelledby", id + "-heading").add("h2", heading, "id", id + "-heading");
    }

    /** A box that scrolls sideways by itself, also by keys, where the page is narrower than what it holds. */
    Html scrolling(String label) {
        return open("div", "class", "scrolling", "role", "region", "tabindex", "0", "aria-label", label);
    }

    /** Cells of a table's head. */
    Html heads(String... names) {
        open("thead").open("tr");
        for (String name : names) {
            add("th", name, "scope", "col");
        }
        return close().close();
    }

    @Override
    public String toString() {
        if (!elements.isEmpty()) {
            throw new IllegalStateException("not closed: " + elements);
        }
        return out.toString();
    }
}
