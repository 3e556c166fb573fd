package org.talweg.data;

/**
 * What a source holds.
 *
 * @param rows to train and validate with, and to test with if there is nothing else
 * @param test rows that the source itself sets apart for the test, or null
 */
public record Loaded(Dataset rows, Dataset test) {
    /** All rows to be split. */
    public static Loaded of(Dataset rows) {
        return new Loaded(rows, null);
    }

    public boolean hasTest() {
        return test != null;
    }
}
