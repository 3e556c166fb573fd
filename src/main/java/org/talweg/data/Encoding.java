package org.talweg.data;

/** How a column of texts becomes features. Categories are in the order of their names, numbers by value. */
public enum Encoding {
    /** One feature for each category, called {@code column=category}: 1 where it holds, else 0. All 0 where missing. */
    ONE_HOT,
    /** The category's number from 0 on. */
    INDEX,
    /** Not at all: a text is an error. */
    NONE
}
