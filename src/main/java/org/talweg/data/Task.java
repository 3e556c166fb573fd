package org.talweg.data;

/** What kind of target a data set has. */
public enum Task {
    /**
     * Classes, where targets are texts, or one-hot rows, or whole numbers of which there are five of each on average and
     * either no more than 20 different ones or 0 … k−1 or 1 … k without a gap, k up to 1000; else numbers.
     */
    AUTO,
    /** One of several classes for each row. */
    CLASSIFICATION,
    /** One or more numbers for each row. */
    REGRESSION
}
