package org.talweg.data;

import de.siegmar.fastcsv.reader.CsvParseException;
import de.siegmar.fastcsv.reader.CsvReader;
import de.siegmar.fastcsv.reader.CsvRecord;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
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

    final String name;
    private final Opener opener;
    private Character separator;
    /** What {@link CsvTable} reads by. */
    String target;
    Task task = Task.AUTO;
    Boolean header;
    Missing missing = Missing.ERROR;
    Encoding encoding = Encoding.ONE_HOT;
    List<String> chosen = List.of();
    List<String> without = List.of();
    List<String> categorical = List.of();
    Map<String, List<String>> known = Map.of();
    Shape rowShape;

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
        return open(records -> CsvTable.read(this, records));
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
}
