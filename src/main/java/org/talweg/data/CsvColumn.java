package org.talweg.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** The cells of one column of a table, as they come: numbers, words, and where there is nothing. */
final class CsvColumn {
    /** As pandas reads them. */
    private static final Set<String> NOTHING = Set.of("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "-NaN", "null",
        "NULL", "None", "<NA>", "?");

    private final String name;
    private float[] values = new float[16];
    /** For each row the number of its word from 1 on, or 0; null before the first word. */
    private int[] words;
    private final Map<String, Integer> dictionary = new LinkedHashMap<>();
    private int count;
    private long present;
    private long wordCount;
    /** The first cell that is no number, and where. */
    private String firstText;
    private long firstTextLine;

    CsvColumn(String name) {
        this.name = name;
    }

    static boolean isNothing(String cell) {
        return NOTHING.contains(cell);
    }

    /** Null for what is no finite number; Java's own suffixes, as in 1d, do not count. */
    static Float parse(String cell) {
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

    /** As a category: numbers that are equal are one. */
    static String word(String cell) {
        Float number = parse(cell);
        return number == null ? cell : Targets.name(number + 0f);
    }

    void add(String cell, long line) {
        if (count == values.length) {
            values = Arrays.copyOf(values, count * 2);
            words = words == null ? null : Arrays.copyOf(words, count * 2);
        }
        values[count] = Float.NaN;
        if (!isNothing(cell)) {
            present++;
            Float number = parse(cell);
            if (number != null) {
                values[count] = number;
            } else {
                addText(cell, line);
            }
        }
        count++;
    }

    private void addText(String cell, long line) {
        if (firstText == null) {
            firstText = cell;
            firstTextLine = line;
            words = new int[values.length];
        }
        words[count] = dictionary.computeIfAbsent(cell, key -> dictionary.size() + 1);
        // What begins as a number does is a number with a mistake, sooner than a category.
        wordCount += "0123456789+-.".indexOf(cell.charAt(0)) < 0 ? 1 : 0;
    }

    String name() {
        return name;
    }

    int count() {
        return count;
    }

    float number(int row) {
        return values[row];
    }

    boolean isNumbers() {
        return firstText == null;
    }

    /** Whether most of what is there are words. */
    boolean isWords() {
        return 2 * wordCount > present;
    }

    String firstText() {
        return firstText;
    }

    long firstTextLine() {
        return firstTextLine;
    }

    double[] numbers() {
        double[] numbers = new double[count];
        for (int row = 0; row < count; row++) {
            numbers[row] = values[row];
        }
        return numbers;
    }

    /**
     * The different cells, in order, and each row's place among them.
     *
     * @param index −1 where there is nothing
     */
    record Categories(List<String> names, int[] index) {
    }

    /** Of words by themselves, in their order. */
    static Map<String, Integer> numbers(List<String> words) {
        Map<String, Integer> numbers = new LinkedHashMap<>();
        words.forEach(word -> numbers.put(word, numbers.size()));
        return numbers;
    }

    /** With these names in this order; the cells are known to be among them. */
    Categories categories(List<String> names) {
        Categories own = categories();
        Map<String, Integer> places = numbers(names);
        int[] place = own.names.stream().mapToInt(places::get).toArray();
        return new Categories(names, IntStream.of(own.index).map(index -> index < 0 ? index : place[index]).toArray());
    }

    Categories categories() {
        Comparator<String> order = Comparator.comparing(CsvColumn::parse, Comparator.nullsLast(Comparator.naturalOrder()));
        TreeMap<String, Integer> sorted = new TreeMap<>(order.thenComparing(Comparator.naturalOrder()));
        dictionary.keySet().forEach(word -> sorted.put(word, 0));
        Map<Float, String> numberNames = new HashMap<>();
        for (int row = 0; row < count; row++) {
            if (!Float.isNaN(values[row])) {
                sorted.put(numberNames.computeIfAbsent(values[row] + 0f, Targets::name), 0);
            }
        }
        List<String> names = new ArrayList<>(sorted.keySet());
        for (int i = 0; i < names.size(); i++) {
            sorted.put(names.get(i), i);
        }
        int[] wordIndex = new int[dictionary.size() + 1];
        dictionary.forEach((word, number) -> wordIndex[number] = sorted.get(word));
        int[] index = new int[count];
        for (int row = 0; row < count; row++) {
            index[row] = words != null && words[row] > 0 ? wordIndex[words[row]]
                : Float.isNaN(values[row]) ? -1 : sorted.get(numberNames.get(values[row] + 0f));
        }
        return new Categories(names, index);
    }
}
