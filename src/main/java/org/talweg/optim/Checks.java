package org.talweg.optim;

/** Checks of optimizer settings, with messages that name the value and what is allowed. */
final class Checks {
    private Checks() {
    }

    static float atLeastZero(String what, float value) {
        return range(what, value, value >= 0 && value < Float.POSITIVE_INFINITY, "at least 0 and finite");
    }

    static float aboveZero(String what, float value) {
        return range(what, value, value > 0 && value < Float.POSITIVE_INFINITY, "above 0 and finite");
    }

    /** In [0, 1): the decay of a running mean. */
    static float decay(String what, float value) {
        return range(what, value, value >= 0 && value < 1, "at least 0 and below 1");
    }

    private static float range(String what, float value, boolean valid, String allowed) {
        if (!valid) {
            throw new IllegalArgumentException(what + " is " + value + "; it must be " + allowed);
        }
        return value;
    }
}
