package org.talweg.analysis.plot;

/** Text that goes into XML, SVG or HTML. */
public final class Markup {
    private Markup() {
    }

    /**
     * A text as content or as an attribute's value in either kind of quotes. What XML has no place for, such as control
     * characters and halves of pairs, becomes U+FFFD.
     */
    public static String escape(String text) {
        StringBuilder out = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                case '\'' -> out.append("&#39;");
                default -> out.appendCodePoint(isAllowed(c) ? c : 0xfffd);
            }
        });
        return out.toString();
    }

    /** As XML 1.0 has it in its production 2, without the controls U+007F to U+009F, which HTML forbids. */
    private static boolean isAllowed(int c) {
        return c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c < 0x7f || c >= 0xa0 && c < 0xd800
            || c >= 0xe000 && c < 0xfffe || c >= 0x10000 && (c & 0xfffe) != 0xfffe;
    }
}
