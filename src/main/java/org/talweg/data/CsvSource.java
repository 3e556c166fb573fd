package org.talweg.data;

import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import java.io.IOException;
import java.io.Reader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;

/**
 * A table with a header line: every column but the target is a feature. Targets that are all numbers make a
 * regression, others classes; {@link #label} makes classes of numbers too. Classes are numbered in the order of their
 * names, numbers by value.
 */
public final class CsvSource {
    private final String name;
    private final Opener opener;
    private String target;
    private boolean asLabel;

    interface Opener {
        Reader open() throws IOException;
    }

    CsvSource(String name, Opener opener) {
        this.name = name;
        this.opener = opener;
    }

    /** The column to predict; numbers or class names, as its cells are. */
    public CsvSource target(String column) {
        target = column;
        asLabel = false;
        return this;
    }

    /** The column to predict, as class names even if they are numbers. */
    public CsvSource label(String column) {
        target = column;
        asLabel = true;
        return this;
    }

    /**
     * @throws IOException              if the file cannot be read
     * @throws IllegalArgumentException if it is no table of numbers with that target; names file, line and column
     */
    public Dataset load() throws IOException {
        if (target == null) {
            throw new IllegalStateException("which column of " + name + " is to be predicted? call target(column)");
        }
        try (Reader reader = opener.open(); CsvReader<CsvRecord> records = CsvReader.builder().ofCsvRecord(reader)) {
            return read(records);
        }
    }

    private Dataset read(Iterable<CsvRecord> records) {
        List<String> header = null;
        int targetColumn = -1;
        List<String> targets = new ArrayList<>();
        float[] features = new float[1024];
        int count = 0;
        for (CsvRecord record : records) {
            if (header == null) {
                header = record.getFields().stream().map(String::strip).toList();
                targetColumn = header.indexOf(target);
                if (targetColumn < 0) {
                    throw new IllegalArgumentException(name + " has no column '" + target + "'; it has " + header);
                }
                continue;
            }
            if (record.getFieldCount() != header.size()) {
                throw new IllegalArgumentException(name + ":" + record.getStartingLineNumber() + ": "
                    + record.getFieldCount() + " cells; the header has " + header.size());
            }
            for (int column = 0; column < header.size(); column++) {
                String cell = record.getField(column).strip();
                if (column == targetColumn) {
                    targets.add(checkPresent(cell, record, target));
                    continue;
                }
                if (count == features.length) {
                    features = Arrays.copyOf(features, count * 2);
                }
                features[count++] = number(cell, record, header.get(column));
            }
        }
        if (targets.isEmpty()) {
            throw new IllegalArgumentException(name + " has no rows below its header");
        }
        List<String> featureNames = new ArrayList<>(header);
        featureNames.remove(targetColumn);
        return dataset(featureNames, Arrays.copyOf(features, count), targets);
    }

    private Dataset dataset(List<String> featureNames, float[] features, List<String> targets) {
        boolean numbers = targets.stream().allMatch(cell -> parse(cell) != null);
        if (numbers && !asLabel) {
            float[] values = new float[targets.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = parse(targets.get(i));
            }
            return Dataset.regression(name, featureNames, features, List.of(target), values);
        }
        Comparator<String> order = numbers
            ? Comparator.comparing(CsvSource::parse).thenComparing(Comparator.naturalOrder())
            : Comparator.naturalOrder();
        TreeSet<String> classes = new TreeSet<>(order);
        classes.addAll(targets);
        List<String> classNames = List.copyOf(classes);
        int[] labels = targets.stream().mapToInt(classNames::indexOf).toArray();
        return Dataset.classification(name, featureNames, features, target, labels, classNames);
    }

    private float number(String cell, CsvRecord record, String column) {
        Float value = parse(checkPresent(cell, record, column));
        if (value == null) {
            throw new IllegalArgumentException(place(record, column) + "'" + cell
                + "' is not a finite number; features must be numbers, so encode or remove this column");
        }
        return value;
    }

    private String checkPresent(String cell, CsvRecord record, String column) {
        if (cell.isEmpty()) {
            throw new IllegalArgumentException(place(record, column)
                + "the cell is empty; fill in a value or remove the row");
        }
        return cell;
    }

    private String place(CsvRecord record, String column) {
        return name + ":" + record.getStartingLineNumber() + ", column '" + column + "': ";
    }

    /** Null for what is no finite number; Java's own suffixes, as in 1d, do not count. */
    private static Float parse(String cell) {
        if (cell.isEmpty() || Character.isLetter(cell.charAt(cell.length() - 1))) {
            return null;
        }
        try {
            float value = Float.parseFloat(cell);
            return Float.isFinite(value) ? value : null;
        } catch (NumberFormatException e) {
            return null;
        }
    }
}
