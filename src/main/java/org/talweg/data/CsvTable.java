package org.talweg.data;

import de.siegmar.fastcsv.reader.CsvRecord;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.talweg.tensor.Shape;

/** A table that is read as a {@link CsvSource} says: which column is what, and their cells. */
final class CsvTable {
    private static final int MOST_COLUMNS = 1_000_000;
    private static final int MOST_CATEGORIES = 200;
    private static final Set<String> USUAL_TARGETS = Set.of("target", "label", "class", "y", "outcome");

    private final CsvSource settings;
    private final String name;
    private final List<String> names;
    private final boolean named;
    /** Null for columns that are left out. */
    private final CsvColumn[] columns;
    private final CsvColumn aim;
    private final List<CsvColumn> features = new ArrayList<>();
    private final Set<CsvColumn> categories = new HashSet<>();
    private final Map<CsvColumn, Set<String>> knownWords = new HashMap<>();
    private final Map<String, List<String>> categoryNames = new LinkedHashMap<>();

    private CsvTable(CsvSource settings, List<String> names, boolean named) {
        this.settings = settings;
        name = settings.name;
        if (names.size() > MOST_COLUMNS) {
            throw new IllegalArgumentException(name + " has " + names.size() + " columns; at most " + MOST_COLUMNS
                + " are read");
        }
        this.names = names;
        this.named = named;
        columns = new CsvColumn[names.size()];
        int aimIndex = settings.target != null ? index(settings.target) : usualTarget();
        List<Integer> wanted = settings.chosen.isEmpty() ? IntStream.range(0, columns.length).boxed().toList()
            : settings.chosen.stream().map(this::index).toList();
        List<Integer> unwanted = settings.without.stream().map(this::index).toList();
        aim = new CsvColumn(names.get(aimIndex));
        columns[aimIndex] = aim;
        for (int i : wanted) {
            if (columns[i] == null && !unwanted.contains(i)) {
                columns[i] = new CsvColumn(names.get(i));
                features.add(columns[i]);
                if (settings.known.containsKey(names.get(i))) {
                    knownWords.put(columns[i], new LinkedHashSet<>(settings.known.get(names.get(i))));
                }
            }
        }
        if (features.isEmpty()) {
            throw new IllegalArgumentException(name + " has no column to learn '" + aim.name() + "' from; it has "
                + names);
        }
        for (String column : settings.categorical) {
            CsvColumn found = columns[index(column)];
            if (found == null || found == aim) {
                throw new IllegalArgumentException(name + ": the categorical column '" + column + "' is no feature");
            }
            categories.add(found);
        }
    }

    static Dataset read(CsvSource settings, Iterable<CsvRecord> records) {
        String name = settings.name;
        CsvTable table = null;
        long dropped = 0;
        for (CsvRecord record : records) {
            if (table == null) {
                List<String> first = record.getFields().stream().map(String::strip).toList();
                boolean named = settings.header != null ? settings.header : isHeader(first, settings.target);
                table = new CsvTable(settings, named ? unique(first) : IntStream.range(0, first.size())
                    .mapToObj(String::valueOf).toList(), named);
                if (named) {
                    continue;
                }
            }
            dropped += table.add(record) ? 0 : 1;
        }
        if (table == null || table.aim.count() == 0) {
            throw new IllegalArgumentException(dropped > 0 ? name + ": each of its " + dropped + " rows lacks a value, so "
                + "none is left" : table == null ? name + " is empty" : name + " has no rows below its header");
        }
        return table.dataset();
    }

    private static boolean isHeader(List<String> cells, String target) {
        return cells.stream().allMatch(cell -> CsvColumn.parse(cell) == null)
            || target != null && CsvColumn.parse(target) == null && cells.contains(target);
    }

    /** As pandas names a second column of the same name: {@code x.1}. */
    private static List<String> unique(List<String> names) {
        List<String> unique = new ArrayList<>();
        Set<String> taken = new HashSet<>();
        for (String name : names) {
            String free = name;
            for (int i = 1; !taken.add(free); i++) {
                free = name + "." + i;
            }
            unique.add(free);
        }
        return unique;
    }

    private int index(String column) {
        int found = names.indexOf(column);
        if (found < 0 && column.matches("-?\\d{1,9}")) {
            int number = Integer.parseInt(column);
            found = number < 0 ? names.size() + number : number;
        }
        if (found < 0 || found >= names.size()) {
            throw new IllegalArgumentException(name + " has no column '" + column + "'; it has " + names);
        }
        return found;
    }

    private int usualTarget() {
        return IntStream.range(0, names.size())
            .filter(i -> USUAL_TARGETS.contains(names.get(i).toLowerCase(Locale.ROOT))).findFirst()
            .orElse(names.size() - 1);
    }

    /** False if the row is dropped. */
    boolean add(CsvRecord record) {
        if (record.getFieldCount() != columns.length) {
            throw new IllegalArgumentException(name + ":" + record.getStartingLineNumber() + ": "
                + record.getFieldCount() + " cells; the " + (named ? "header" : "first line") + " has "
                + columns.length);
        }
        for (int i = 0; i < columns.length; i++) {
            boolean needed = columns[i] == aim || settings.missing != Missing.FILL;
            if (columns[i] != null && needed && CsvColumn.isNothing(record.getField(i).strip())) {
                if (settings.missing == Missing.DROP) {
                    return false;
                }
                throw new IllegalArgumentException(place(record.getStartingLineNumber(), columns[i])
                    + empty(record.getField(i).strip()) + (columns[i] == aim ? "fill in a value, or drop such rows"
                    : "fill in a value, or read with missing values dropped or filled"));
            }
        }
        for (int i = 0; i < columns.length; i++) {
            if (columns[i] != null) {
                String cell = record.getField(i).strip();
                checkKnown(columns[i], cell, record.getStartingLineNumber());
                columns[i].add(cell, record.getStartingLineNumber());
            }
        }
        return true;
    }

    private void checkKnown(CsvColumn column, String cell, long line) {
        Set<String> words = knownWords.get(column);
        if (words != null && !CsvColumn.isNothing(cell) && !words.contains(CsvColumn.word(cell))) {
            throw new IllegalArgumentException(place(line, column) + CsvFeatures.unknown(cell, words));
        }
    }

    private static String empty(String cell) {
        return cell.isEmpty() ? "the cell is empty; " : "'" + cell + "' says that the value is missing; ";
    }

    private String place(long line, CsvColumn column) {
        return name + ":" + line + ", column '" + column.name() + "': ";
    }

    Dataset dataset() {
        List<String> featureNames = new ArrayList<>();
        List<CsvFeature> read = new ArrayList<>();
        for (CsvColumn column : features) {
            CsvFeature feature = feature(column);
            featureNames.addAll(feature.names());
            read.add(feature);
        }
        long elements = (long) aim.count() * featureNames.size();
        if (elements > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(name + " has " + aim.count() + " rows of " + featureNames.size()
                + " features, more than a Java array holds; save it as .npy, to be read where it lies");
        }
        float[] values = new float[(int) elements];
        int first = 0;
        for (CsvFeature feature : read) {
            feature.fill(values, first, featureNames.size());
            first += feature.names().size();
        }
        Dataset data = withTargets(featureNames, values).withCategories(categoryNames);
        Shape rowShape = settings.rowShape;
        return rowShape != null && rowShape.elements() == data.columns() ? data.withRowShape(rowShape) : data;
    }

    private CsvFeature feature(CsvColumn column) {
        List<String> words = settings.known.get(column.name());
        if (words != null || categories.contains(column)
            || !column.isNumbers() && column.isWords() && settings.encoding != Encoding.NONE) {
            CsvColumn.Categories found = words == null ? column.categories() : column.categories(words);
            categoryNames.put(column.name(), found.names());
            if (settings.encoding == Encoding.ONE_HOT && found.names().size() > MOST_CATEGORIES) {
                throw new IllegalArgumentException(name + ": column '" + column.name() + "' has " + found.names().size()
                    + " different texts, too many for a feature each; leave the column out, or number them");
            }
            return settings.encoding == Encoding.ONE_HOT ? new CsvFeature.OneHot(column.name(), found)
                : new CsvFeature.Index(column.name(), found);
        }
        checkNumbers(column, "features must be numbers, or words in most of the column's cells");
        return new CsvFeature.Number(column);
    }

    private void checkNumbers(CsvColumn column, String expected) {
        if (!column.isNumbers()) {
            throw new IllegalArgumentException(place(column.firstTextLine(), column) + "'" + column.firstText()
                + "' is not a finite number; " + expected);
        }
    }

    private Dataset withTargets(List<String> featureNames, float[] values) {
        if (settings.task == Task.REGRESSION) {
            checkNumbers(aim, "the target of a regression must be numbers");
        }
        if (!aim.isNumbers()) {
            if (settings.task == Task.AUTO && !aim.isWords()) {
                checkNumbers(aim, "targets must be numbers, or words in most of the column's cells; if these are "
                    + "classes, say so");
            }
            CsvColumn.Categories classes = aim.categories();
            return Dataset.classification(name, featureNames, values, aim.name(), classes.index(), classes.names());
        }
        double[] numbers = aim.numbers();
        double[] classes = Targets.classes(settings.task, name + ": column '" + aim.name() + "'", numbers);
        return classes == null
            ? Dataset.regression(name, featureNames, values, List.of(aim.name()), Targets.floats(numbers))
            : Dataset.classification(name, featureNames, values, aim.name(), Targets.labels(classes, numbers),
            Targets.names(classes));
    }
}
