package org.talweg.analysis.plot;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.StringReader;
import javax.xml.parsers.DocumentBuilderFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

/** Any text comes through XML as it was, but for what XML has no place for. */
class MarkupTest {
    @Property
    void anyTextComesThrough(@ForAll String text) throws Exception {
        String escaped = Markup.escape(text);
        Element read = DocumentBuilderFactory.newInstance().newDocumentBuilder()
            .parse(new InputSource(new StringReader("<a b=\"" + escaped + "\">" + escaped + "</a>"))).getDocumentElement();
        String expected = text.codePoints().collect(StringBuilder::new, (out, c) -> out.appendCodePoint(
            c < 0x20 && "\t\n\r".indexOf(c) < 0 || c >= 0x7f && c < 0xa0 || c >= 0xd800 && c < 0xe000
                || (c & 0xfffe) == 0xfffe ? 0xfffd : c), StringBuilder::append).toString();
        assertEquals(expected.replace("\r\n", "\n").replace('\r', '\n'), read.getTextContent());
        assertEquals(expected.replace("\r\n", " ").replaceAll("[\r\n\t]", " "), read.getAttribute("b"));
    }
}
