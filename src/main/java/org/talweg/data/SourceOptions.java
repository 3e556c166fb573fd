package org.talweg.data;

import java.util.List;
import java.util.Map;

/**
 * How to read a source, where it does not tell by itself.
 *
 * @param target      column or array to predict; null for the usual one
 * @param features    columns, or the array, to learn from; empty for the usual ones
 * @param without     columns to leave out
 * @param categorical columns whose numbers are names of categories
 * @param header      whether a table has a line of names; null where its first line tells
 * @param separator   between a table's cells; null where its first line tells
 * @param categories  words of a table's columns, by their names, as another table had them; empty where they are found
 */
public record SourceOptions(String target, List<String> features, List<String> without, List<String> categorical, Task task,
                            Missing missing, Encoding encoding, Boolean header, Character separator,
                            Map<String, List<String>> categories) {
    public SourceOptions {
        features = List.copyOf(features);
        without = List.copyOf(without);
        categorical = List.copyOf(categorical);
        categories = Map.copyOf(categories);
    }

    /** Nothing told. */
    public static SourceOptions usual() {
        return new SourceOptions(null, List.of(), List.of(), List.of(), Task.AUTO, Missing.ERROR, Encoding.ONE_HOT, null,
            null, Map.of());
    }
}
