package org.talweg.nn;

import java.util.List;
import org.talweg.data.Dataset;

/**
 * What the numbers that go into a model and come out of it mean.
 *
 * @param features names of the inputs; a word's share of a column of words is called {@code column=word}
 * @param targets  names of what is predicted
 * @param classes  names by class number; empty where numbers are predicted
 */
public record Columns(List<String> features, List<String> targets, List<String> classes) {

    public Columns {
        features = List.copyOf(features);
        targets = List.copyOf(targets);
        classes = List.copyOf(classes);
    }

    /** Those of a data set. */
    public static Columns of(Dataset data) {
        return new Columns(data.featureNames(), data.targetNames(), data.classNames());
    }
}
