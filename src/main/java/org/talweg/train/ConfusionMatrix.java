package org.talweg.train;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How often each class was taken for which.
 *
 * @param names  of the classes
 * @param counts rows by the true class, columns by the predicted one
 */
public record ConfusionMatrix(List<String> names, long[][] counts) {

    /**
     * Rows with an output that is NaN predict nothing and are left out.
     *
     * @throws IllegalArgumentException if targets are numbers
     */
    public static ConfusionMatrix of(Predictions predictions) {
        int classes = predictions.classes();
        long[][] counts = new long[classes][classes];
        int[] truth = predictions.trueClasses();
        int[] predicted = predictions.predictedClasses();
        for (int i = 0; i < truth.length; i++) {
            if (predicted[i] >= 0) {
                counts[truth[i]][predicted[i]]++;
            }
        }
        List<String> names = predictions.data().isClassification() ? predictions.data().classNames()
            : List.of("no", "yes");
        return new ConfusionMatrix(names, counts);
    }

    /** How often the class was predicted where it was true. */
    public long truePositives(int ofClass) {
        return counts[ofClass][ofClass];
    }

    /** How often the class was predicted. */
    public long predicted(int ofClass) {
        return Arrays.stream(counts).mapToLong(row -> row[ofClass]).sum();
    }

    /** How often the class was true. */
    public long actual(int ofClass) {
        return Arrays.stream(counts[ofClass]).sum();
    }

    /** A table: the true class on the left, the predicted one above. */
    @Override
    public String toString() {
        int width = 1;
        for (int i = 0; i < counts.length; i++) {
            width = Math.max(width, name(i).length());
            for (long count : counts[i]) {
                width = Math.max(width, String.valueOf(count).length());
            }
        }
        StringBuilder table = new StringBuilder(" ".repeat(width));
        String cell = " %" + width + "s";
        for (int i = 0; i < counts.length; i++) {
            table.append(String.format(Locale.ROOT, cell, name(i)));
        }
        for (int i = 0; i < counts.length; i++) {
            table.append(String.format(Locale.ROOT, "%n%" + width + "s", name(i)));
            for (long count : counts[i]) {
                table.append(String.format(Locale.ROOT, cell, count));
            }
        }
        return table.toString();
    }

    /** Of a class, or its number. */
    public String name(int ofClass) {
        return ofClass < names.size() ? names.get(ofClass) : String.valueOf(ofClass);
    }
}
