package org.talweg.train;

/** How precision, recall and F1 of several classes become one figure. */
public enum Average {
    /** Of class 1 alone, which is the positive one of two. */
    BINARY,
    /** The mean over the classes that occur among the targets or the predictions, each counting the same. */
    MACRO,
    /** Of all decisions together, each row counting the same. */
    MICRO
}
