package org.talweg.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** NAME:key=value,… over the defaults of a usage. */
class SettingsTest {
    private static final String USAGE = "step:size=100,gamma=0.5,smooth=no,rate=lr";

    private static Settings of(String text) {
        return Settings.of("--schedule", USAGE, text, List.of("for"));
    }

    @Test
    void whatIsWrittenGoesOverTheDefaults() {
        assertEquals(100, of("step").integer("size"));
        Settings s = of("step:gamma=0.25, size=7");
        assertEquals(7, s.whole("size"));
        assertEquals(0.25, s.number("gamma"));
        assertFalse(s.flag("smooth"));
        assertTrue(of("step:smooth=yes").flag("smooth"));
        assertEquals(3, s.rate("rate", 3));
        assertEquals(1e-3, of("step:rate=1e-3").rate("rate", 3));
        assertEquals(Float.POSITIVE_INFINITY, of("step:gamma=inf").single("gamma"));
    }

    @Test
    void valuesWithoutAKeyGoInOrder() {
        Settings s = of("step:5,smooth=yes,0.75");
        assertEquals(5, s.integer("size"));
        assertEquals(0.75, s.number("gamma"));
        assertTrue(s.flag("smooth"));
    }

    @Test
    void commonKeysAreEmptyUnlessWritten() {
        assertFalse(of("step").has("for"));
        assertEquals(9, of("step:for=9").whole("for"));
    }

    @Test
    void mistakesNameTheSetting() {
        assertMessage("--schedule step:sise=3: no setting 'sise'; step takes size, gamma, smooth, rate, for",
            () -> of("step:sise=3"));
        assertMessage("too many values", () -> of("step:1,2,no,3,4,5"));
        assertMessage("size is '1e3'; it must be a whole number", () -> of("step:size=1e3").integer("size"));
        assertMessage("size is '3000000000'; it must be a whole number up to",
            () -> of("step:size=3000000000").integer("size"));
        assertMessage("gamma is ''; it must be a number", () -> of("step:gamma=").number("gamma"));
        assertMessage("smooth is 'maybe'; it must be yes or no", () -> of("step:smooth=maybe").flag("smooth"));
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
