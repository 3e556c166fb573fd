package org.talweg.data;

import de.siegmar.fastcsv.reader.CsvRecord;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Rows of a table as the features of a model that was trained on another one: found by name, columns of words too. */
final class CsvFeatures {
    private static final int BLOCK = 1024;

    private final String file;
    private final List<String> names;
    private final boolean missing;
    /** Column of each feature. */
    private final int[] column;
    /** The word that a feature stands for; null for a number. */
    private final String[] word;
    private final int cells;
    private final List<String> header;
    /** The words that each column had in training. */
    private final Map<Integer, Set<String>> words = new HashMap<>();
    /** Numbers of the words that a feature is the number of; null for others. */
    private final List<Map<String, Integer>> numbers;
    private final float[] block;
    private int rows;

    /**
     * @param header  names of the table's columns, or null if there are none and columns go by their order
     * @param missing whether features may be
     */
    private CsvFeatures(String file, List<String> names, Map<String, List<String>> categories, List<String> header, int cells,
                        boolean missing) {
        this.file = file;
        this.names = names;
        numbers = names.stream().map(categories::get).map(words -> words == null ? null : CsvColumn.numbers(words)).toList();
        this.header = header;
        this.cells = cells;
        this.missing = missing;
        column = new int[names.size()];
        word = new String[names.size()];
        block = new float[BLOCK * names.size()];
        List<String> lost = new ArrayList<>();
        for (int i = 0; i < column.length; i++) {
            find(i);
            if (column[i] < 0) {
                lost.add(names.get(i));
            } else if (word[i] != null) {
                words.computeIfAbsent(column[i], key -> new LinkedHashSet<>()).add(word[i]);
            }
        }
        if (!lost.isEmpty()) {
            throw new IllegalArgumentException(file + " has no column for " + some(lost) + "; it has " + (header == null
                ? cells + " columns and no line of names" : some(header)));
        }
    }

    private void find(int feature) {
        String name = names.get(feature);
        if (header == null) {
            column[feature] = cells == names.size() ? feature : -1;
            return;
        }
        column[feature] = header.indexOf(name);
        for (int at = name.indexOf('='); column[feature] < 0 && at > 0; at = name.indexOf('=', at + 1)) {
            column[feature] = header.indexOf(name.substring(0, at));
            word[feature] = name.substring(at + 1);
        }
    }

    private static String some(List<String> names) {
        return names.size() <= 20 ? String.join(", ", names)
            : String.join(", ", names.subList(0, 20)) + " and " + (names.size() - 20) + " more";
    }

    /** The number of rows. */
    static long read(String file, Iterable<CsvRecord> records, List<String> names, Map<String, List<String>> categories,
                     boolean missing, CsvSource.FeatureRows use) {
        CsvFeatures features = null;
        long count = 0;
        for (CsvRecord record : records) {
            List<String> cells = record.getFields().stream().map(String::strip).toList();
            if (features == null) {
                boolean plain = cells.size() == names.size()
                    && cells.stream().allMatch(cell -> CsvColumn.parse(cell) != null);
                features = new CsvFeatures(file, names, categories, plain ? null : cells, cells.size(), missing);
                if (!plain) {
                    continue;
                }
            }
            features.add(record, cells);
            count++;
            if (features.rows == BLOCK) {
                features.flush(use);
            }
        }
        if (count == 0) {
            throw new IllegalArgumentException(file + " has no rows");
        }
        features.flush(use);
        return count;
    }

    private void flush(CsvSource.FeatureRows use) {
        if (rows > 0) {
            use.accept(block, rows);
            rows = 0;
        }
    }

    private void add(CsvRecord record, List<String> row) {
        if (row.size() != cells) {
            throw new IllegalArgumentException(file + ", line " + record.getStartingLineNumber() + " has " + row.size()
                + " cells, where the first has " + cells);
        }
        for (int i = 0; i < column.length; i++) {
            String cell = row.get(column[i]);
            boolean nothing = CsvColumn.isNothing(cell);
            if (nothing && !missing) {
                throw bad(record, i, "is missing, and the model was trained to fill in nothing");
            }
            block[rows * column.length + i] = word[i] != null ? isWord(record, i, cell, nothing)
                : nothing ? Float.NaN : number(record, i, cell);
        }
        rows++;
    }

    private float isWord(CsvRecord record, int feature, String cell, boolean nothing) {
        String said = CsvColumn.word(cell);
        if (!nothing && !words.get(column[feature]).contains(said)) {
            throw bad(record, feature, cell, words.get(column[feature]));
        }
        return word[feature].equals(said) ? 1 : 0;
    }

    private float number(CsvRecord record, int feature, String cell) {
        Map<String, Integer> known = numbers.get(feature);
        if (known != null) {
            Integer index = known.get(CsvColumn.word(cell));
            if (index == null) {
                throw bad(record, feature, cell, known.keySet());
            }
            return index;
        }
        Float number = CsvColumn.parse(cell);
        if (number == null) {
            throw bad(record, feature, "is no number");
        }
        return number;
    }

    /** What is wrong with a word that training did not see. */
    static String unknown(String cell, Collection<String> known) {
        return "'" + cell + "' is none of the words that the column had in training: " + some(List.copyOf(known));
    }

    private IllegalArgumentException bad(CsvRecord record, int feature, String cell, Collection<String> known) {
        return new IllegalArgumentException(place(record, feature) + unknown(cell, known));
    }

    private IllegalArgumentException bad(CsvRecord record, int feature, String why) {
        return new IllegalArgumentException(place(record, feature) + "'" + record.getFields().get(column[feature]) + "' "
            + why);
    }

    private String place(CsvRecord record, int feature) {
        return file + ", line " + record.getStartingLineNumber() + ", column "
            + (header == null ? String.valueOf(column[feature] + 1) : header.get(column[feature])) + ": ";
    }
}
