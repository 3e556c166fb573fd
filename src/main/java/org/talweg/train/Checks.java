package org.talweg.train;

import java.time.Duration;
import java.util.Locale;

/** Checks of criteria, and numbers as their reasons show them. */
final class Checks {
    private Checks() {
    }

    static void atLeastOne(String what, long value) {
        if (value < 1) {
            throw new IllegalArgumentException(value + " " + what + "; at least 1 is needed");
        }
    }

    static void threshold(double value) {
        if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("a threshold of " + value + "; it must be above 0 and finite");
        }
    }

    static String number(double value) {
        return String.format(Locale.ROOT, "%.6g", value);
    }

    static String words(Duration time) {
        return time.toMillis() < 60_000 ? number(time.toMillis() / 1e3) + " s"
            : String.format(Locale.ROOT, "%d:%02d:%02d", time.toHours(), time.toMinutesPart(), time.toSecondsPart());
    }
}
