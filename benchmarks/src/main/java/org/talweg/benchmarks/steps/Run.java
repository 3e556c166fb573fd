package org.talweg.benchmarks.steps;

import java.util.Locale;

/**
 * What a run of a {@link Setting} came to.
 *
 * @param microseconds of a step; NaN if it gave no time
 * @param loss         to compare
 * @param ended        why there is no time: {@code over 60 s}, or {@code failed: …}; null if there is one
 * @param failed       whether that is an error, and not slowness
 * @param wallSeconds  with the start of its JVM
 */
record Run(double microseconds, double loss, String ended, boolean failed, double wallSeconds) {

    static Run tooSlow(double limit) {
        return new Run(Double.NaN, Double.NaN, String.format(Locale.ROOT, "over %.0f s", limit), false, limit);
    }

    static Run failure(String why, double wallSeconds) {
        return new Run(Double.NaN, Double.NaN, "failed: " + why, true, wallSeconds);
    }

    boolean hasTime() {
        return ended == null;
    }
}
