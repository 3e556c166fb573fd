package org.talweg.nn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.data.Dataset;

/**
 * What the numbers that go into a model and come out of it mean.
 *
 * @param features   names of the inputs; a word's share of a column of words is called {@code column=word}
 * @param targets    names of what is predicted
 * @param classes    names by class number; empty where numbers are predicted
 * @param categories words of each column of words, in the order of their numbers, by the column's name
 */
public record Columns(List<String> features, List<String> targets, List<String> classes,
                      Map<String, List<String>> categories) {

    public Columns {
        features = List.copyOf(features);
        targets = List.copyOf(targets);
        classes = List.copyOf(classes);
        categories = Collections.unmodifiableMap(new LinkedHashMap<>(categories));
    }

    /** Without columns of words. */
    public Columns(List<String> features, List<String> targets, List<String> classes) {
        this(features, targets, classes, Map.of());
    }

    /** Those of a data set. */
    public static Columns of(Dataset data) {
        return new Columns(data.featureNames(), data.targetNames(), data.classNames(), data.categories());
    }
}
