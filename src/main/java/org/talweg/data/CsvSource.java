package org.talweg.data;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.zip.ZipException;
import org.talweg.tensor.Shape;

/**
 * A table of text with a sample in each line. Every column but the target is a feature, unless told otherwise. Targets that
 * are words make classes, numbers a regression or, where they look like it, classes too: see {@link Task#AUTO}. Columns of
 * words become features by their {@link Encoding}. The separator is the one of {@code , ; tab |} that the first line has
 * most of; it is a header if none of its cells is a number, or if it names the target.
 */
public final class CsvSource {
    private static final int LONGEST_FIRST_LINE = 1 << 16;
    private static final int MOST_COLUMNS = 1_000_000;
    private static final int MOST_CATEGORIES = 200;
    private static final Set<String> USUAL_TARGETS = Set.of("target", "label", "class", "y", "outcome");

    private final String name;
    private final Opener opener;
    private String target;
    private Task task = Task.AUTO;
    private Boolean header;
    private Character separator;
    private Missing missing = Missing.ERROR;
    private Encoding encoding = Encoding.ONE_HOT;
    private List<String> chosen = List.of();
    private List<String> without = List.of();
    private List<String> categorical = List.of();
    private Map<String, List<String>> known = Map.of();
    private Shape rowShape;

    interface Opener {
        Reader open() throws IOException;
    }

    CsvSource(String name, Opener opener) {
        this.name = name;
        this.opener = opener;
    }

    /**
     * The column to predict: its name, or its number from 0 on, or from the end as −1. Unless told, the column called
     * target, label, class, y or outcome, else the last one.
     */
    public CsvSource target(String column) {
        target = column;
        return this;
    }

    /** The column to predict, as classes even if they are numbers. */
    public CsvSource label(String column) {
        return target(column).task(Task.CLASSIFICATION);
    }

    /** Classes or numbers. */
    public CsvSource task(Task value) {
        task = value;
        return this;
    }

    /** Whether the first line has the names of the columns; if not, they are called 0, 1, and so on. */
    public CsvSource header(boolean there) {
        header = there;
        return this;
    }

    /** Between cells. */
    public CsvSource separator(char value) {
        separator = value;
        return this;
    }

    /** What to do with rows in which a feature is missing; a missing target is an error, or drops the row. */
    public CsvSource missing(Missing value) {
        missing = value;
        return this;
    }

    /** How columns of words become features. */
    public CsvSource encoding(Encoding value) {
        encoding = value;
        return this;
    }

    /** The columns to learn from, by name or number; all but the target unless told. */
    public CsvSource features(String... columns) {
        chosen = List.of(columns);
        return this;
    }

    /** Columns to leave out, such as a row's own number or name. */
    public CsvSource without(String... columns) {
        without = List.of(columns);
        return this;
    }

    /** Columns whose numbers are names of categories. */
    public CsvSource categorical(String... columns) {
        categorical = List.of(columns);
        return this;
    }

    /**
     * Words of columns that are already known, by the columns' names, such as {@link Dataset#categories} of the table that a
     * model was trained on: they mean here what they meant there, and another word is an error.
     */
    public CsvSource categories(Map<String, List<String>> words) {
        known = Map.copyOf(words);
        return this;
    }

    /** Of the features, if all are read. */
    CsvSource rowShape(Shape shape) {
        rowShape = shape;
        return this;
    }

    /**
     * @throws IOException              if the file cannot be read
     * @throws IllegalArgumentException if it is no table of numbers and words with that target; names file, line and column
     */
    public Dataset load() throws IOException {
        return open(this::read);
    }

    /**
     * Reads rows as features of a model that was trained on another table, a block at a time: columns are found by their
     * names, and in any order; {@code column=word} is 1 where the column has that word, and a column whose {@link
     * #categories} are given is the number of its word. Without a line of names the columns are taken in their order.
     *
     * @param names   of the features
     * @param missing whether a value may be missing; it is NaN then
     * @return the number of rows
     * @throws IOException              if the file cannot be read
     * @throws IllegalArgumentException if a column is missing, or a cell is not what it was in training; names file, line
     *                                  and column
     */
    public long features(List<String> names, boolean missing, FeatureRows use) throws IOException {
        return open(records -> CsvFeatures.read(name, records, names, known, missing, use));
    }

    /** What becomes of rows that are read. */
    @FunctionalInterface
    public interface FeatureRows {
        /** @param features row-major; only the first {@code rows} rows count */
        void accept(float[] features, int rows);
    }

    private <T> T open(Function<Iterable<CsvRecord>, T> read) throws IOException {
        try (BufferedReader reader = new BufferedReader(opener.open(), LONGEST_FIRST_LINE)) {
            reader.mark(LONGEST_FIRST_LINE);
            char[] start = new char[LONGEST_FIRST_LINE - 1];
            int length = Math.max(0, reader.read(start));
            reader.reset();
            if (length > 0 && start[0] == '\ufeff') {
                reader.skip(1);
            }
            char between = separator != null ? separator : separator(new String(start, 0, length));
            try (CsvReader<CsvRecord> records = CsvReader.builder().fieldSeparator(between).ofCsvRecord(reader)) {
                return read.apply(records);
            }
        } catch (EOFException | ZipException e) {
            throw unreadable(e);
        } catch (UncheckedIOException e) {
            throw unreadable(e.getCause());
        } catch (CsvParseException e) {
            throw new IllegalArgumentException(name + ": " + e.getMessage()
                + (e.getCause() == null ? "" : ": " + e.getCause().getMessage()), e);
        } catch (OutOfMemoryError e) {
            throw new IllegalArgumentException(name + " does not fit into the Java heap; give it more with -Xmx, or save "
                + "it as .npy, to be read where it lies", e);
        }
    }

    private IOException unreadable(IOException e) {
        return new IOException(name + " cannot be read: " + (e instanceof EOFException ? "it ends within compressed data"
            : e.getMessage()), e);
    }

    private static char separator(String start) {
        String line = start.lines().filter(text -> !text.isBlank()).findFirst().orElse("");
        char best = ',';
        for (char candidate : new char[] {'\t', ';', '|'}) {
            best = count(line, candidate) > count(line, best) ? candidate : best;
        }
        return best;
    }

    /** Outside quotes. */
    private static int count(String line, char wanted) {
        int count = 0;
        boolean quoted = false;
        for (int i = 0; i < line.length(); i++) {
            quoted ^= line.charAt(i) == '"';
            count += !quoted && line.charAt(i) == wanted ? 1 : 0;
        }
        return count;
    }

    private Dataset read(Iterable<CsvRecord> records) {
        Layout layout = null;
        long dropped = 0;
        for (CsvRecord record : records) {
            if (layout == null) {
                List<String> first = record.getFields().stream().map(String::strip).toList();
                boolean named = header != null ? header : isHeader(first);
                layout = new Layout(named ? unique(first) : IntStream.range(0, first.size())
                    .mapToObj(String::valueOf).toList(), named);
                if (named) {
                    continue;
                }
            }
            dropped += layout.add(record) ? 0 : 1;
        }
        if (layout == null || layout.aim.count() == 0) {
            throw new IllegalArgumentException(dropped > 0 ? name + ": each of its " + dropped + " rows lacks a value, so "
                + "none is left" : layout == null ? name + " is empty" : name + " has no rows below its header");
        }
        return layout.dataset();
    }

    private boolean isHeader(List<String> cells) {
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

    /** Which column is what, and their cells. */
    private final class Layout {
        private final List<String> names;
        private final boolean named;
        /** Null for columns that are left out. */
        private final CsvColumn[] columns;
        private final CsvColumn aim;
        private final List<CsvColumn> features = new ArrayList<>();
        private final Set<CsvColumn> categories = new HashSet<>();
        private final Map<CsvColumn, Set<String>> knownWords = new HashMap<>();
        private final Map<String, List<String>> categoryNames = new LinkedHashMap<>();

        Layout(List<String> names, boolean named) {
            if (names.size() > MOST_COLUMNS) {
                throw new IllegalArgumentException(name + " has " + names.size() + " columns; at most " + MOST_COLUMNS
                    + " are read");
            }
            this.names = names;
            this.named = named;
            columns = new CsvColumn[names.size()];
            int aimIndex = target != null ? index(target) : usualTarget();
            List<Integer> wanted = chosen.isEmpty() ? IntStream.range(0, columns.length).boxed().toList()
                : chosen.stream().map(this::index).toList();
            List<Integer> unwanted = without.stream().map(this::index).toList();
            aim = new CsvColumn(names.get(aimIndex));
            columns[aimIndex] = aim;
            for (int i : wanted) {
                if (columns[i] == null && !unwanted.contains(i)) {
                    columns[i] = new CsvColumn(names.get(i));
                    features.add(columns[i]);
                    if (known.containsKey(names.get(i))) {
                        knownWords.put(columns[i], new LinkedHashSet<>(known.get(names.get(i))));
                    }
                }
            }
            if (features.isEmpty()) {
                throw new IllegalArgumentException(name + " has no column to learn '" + aim.name() + "' from; it has "
                    + names);
            }
            for (String column : categorical) {
                CsvColumn found = columns[index(column)];
                if (found == null || found == aim) {
                    throw new IllegalArgumentException(name + ": the categorical column '" + column + "' is no feature");
                }
                categories.add(found);
            }
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
                boolean needed = columns[i] == aim || missing != Missing.FILL;
                if (columns[i] != null && needed && CsvColumn.isNothing(record.getField(i).strip())) {
                    if (missing == Missing.DROP) {
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
            return rowShape != null && rowShape.elements() == data.columns() ? data.withRowShape(rowShape) : data;
        }

        private CsvFeature feature(CsvColumn column) {
            List<String> words = known.get(column.name());
            if (words != null || categories.contains(column)
                || !column.isNumbers() && column.isWords() && encoding != Encoding.NONE) {
                CsvColumn.Categories found = words == null ? column.categories() : column.categories(words);
                categoryNames.put(column.name(), found.names());
                if (encoding == Encoding.ONE_HOT && found.names().size() > MOST_CATEGORIES) {
                    throw new IllegalArgumentException(name + ": column '" + column.name() + "' has " + found.names().size()
                        + " different texts, too many for a feature each; leave the column out, or number them");
                }
                return encoding == Encoding.ONE_HOT ? new CsvFeature.OneHot(column.name(), found)
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
            if (task == Task.REGRESSION) {
                checkNumbers(aim, "the target of a regression must be numbers");
            }
            if (!aim.isNumbers()) {
                if (task == Task.AUTO && !aim.isWords()) {
                    checkNumbers(aim, "targets must be numbers, or words in most of the column's cells; if these are "
                        + "classes, say so");
                }
                CsvColumn.Categories classes = aim.categories();
                return Dataset.classification(name, featureNames, values, aim.name(), classes.index(), classes.names());
            }
            double[] numbers = aim.numbers();
            double[] classes = Targets.classes(task, name + ": column '" + aim.name() + "'", numbers);
            return classes == null
                ? Dataset.regression(name, featureNames, values, List.of(aim.name()), Targets.floats(numbers))
                : Dataset.classification(name, featureNames, values, aim.name(), Targets.labels(classes, numbers),
                Targets.names(classes));
        }
    }
}
