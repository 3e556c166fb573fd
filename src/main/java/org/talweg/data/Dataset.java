package org.talweg.data;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.tensor.Philox;
import org.talweg.tensor.Shape;

/**
 * Rows of features with a target each. The target is either a class number per row ({@link #isClassification}) or
 * numbers. Targets are in host memory; features may stay in a file that is larger.
 *
 * @param source       the features, {@link #featureNames} in a row; NaN where one is missing and a {@link Scaler} fills it
 * @param labels       class number of each row, or null
 * @param classNames   names by class number; empty without labels
 * @param targets      row-major, rows × {@link #targetNames}; null with labels
 * @param targetNames  names of the target columns
 * @param rowShape     of a row's features where they came in more dimensions than one, as pixels do; else their number
 * @param categories   of each column of a table that had words: those words in their order, by the column's name
 */
public record Dataset(String name, List<String> featureNames, Rows source, List<String> targetNames,
                      int[] labels, List<String> classNames, float[] targets, Shape rowShape,
                      Map<String, List<String>> categories) {
    /** Keeps the draws of a shuffle apart from those of initialisers and epochs that have the same seed. */
    private static final long SHUFFLE_STREAM = 1L << 33;

    /**
     * @throws IllegalArgumentException if lengths do not match or a label is no class; says which
     */
    public Dataset {
        featureNames = List.copyOf(featureNames);
        targetNames = List.copyOf(targetNames);
        classNames = List.copyOf(classNames);
        categories = Collections.unmodifiableMap(new LinkedHashMap<>(categories));
        if (rowShape.elements() != featureNames.size()) {
            throw new IllegalArgumentException(name + ": rows of " + featureNames.size() + " numbers are not of the shape "
                + rowShape + ", which has " + rowShape.elements());
        }
        if (source.columns() != featureNames.size()) {
            throw new IllegalArgumentException(name + ": rows of " + source.columns() + " numbers with "
                + featureNames.size() + " feature names");
        }
        int rows = source.count();
        if ((labels == null) == (targets == null)) {
            throw new IllegalArgumentException(name + ": give either labels or targets");
        }
        if (labels != null && labels.length != rows || targets != null && targets.length != rows * targetNames.size()) {
            throw new IllegalArgumentException(name + ": " + (labels != null ? labels.length + " labels"
                : targets.length + " target values in columns " + targetNames) + " for " + rows + " rows");
        }
        for (int row = 0; labels != null && row < rows; row++) {
            if (labels[row] < 0 || labels[row] >= classNames.size()) {
                throw new IllegalArgumentException(name + ": label " + labels[row] + " in row " + row
                    + "; classes are 0 to " + (classNames.size() - 1));
            }
        }
    }

    /** Rows of a single dimension, and without columns of words. */
    public Dataset(String name, List<String> featureNames, Rows source, List<String> targetNames, int[] labels,
                   List<String> classNames, float[] targets) {
        this(name, featureNames, source, targetNames, labels, classNames, targets, Shape.of(featureNames.size()), Map.of());
    }

    /** Rows with a class each. */
    public static Dataset classification(String name, List<String> featureNames, float[] features, String targetName,
                                         int[] labels, List<String> classNames) {
        return new Dataset(name, featureNames, rows(name, featureNames, features), List.of(targetName), labels, classNames,
            null);
    }

    /** Rows with one or more numbers each. */
    public static Dataset regression(String name, List<String> featureNames, float[] features,
                                     List<String> targetNames, float[] targets) {
        return new Dataset(name, featureNames, rows(name, featureNames, features), targetNames, null, List.of(), targets);
    }

    private static Rows rows(String name, List<String> featureNames, float[] features) {
        if (featureNames.isEmpty() || features.length % featureNames.size() != 0) {
            throw new IllegalArgumentException(name + ": " + features.length + " values do not make rows of "
                + featureNames.size() + " features");
        }
        return Rows.of(features, featureNames.size());
    }

    public int rows() {
        return source.count();
    }

    /**
     * All features, row-major: the array itself where they lie in one, else a copy.
     *
     * @throws IllegalArgumentException if they do not fit into an array, or into the heap
     */
    public float[] features() {
        return source.toArray();
    }

    /** Number of features. */
    public int columns() {
        return featureNames.size();
    }

    /** Shape of one row, for the model's builder. */
    public Shape inputShape() {
        return Shape.of(columns());
    }

    public boolean isClassification() {
        return labels != null;
    }

    /** Number of classes; 0 if targets are numbers. */
    public int classes() {
        return classNames.size();
    }

    /** The same rows in a seeded random order, the same on every machine. */
    public Dataset shuffle(long seed) {
        return select(Philox.permutation(rows(), seed, SHUFFLE_STREAM));
    }

    /** The given rows in the given order. */
    public Dataset select(int... rows) {
        return new Dataset(name, featureNames, source.select(rows), targetNames,
            labels == null ? null : gatherLabels(rows), classNames,
            targets == null ? null : gather(targets, targetNames.size(), rows), rowShape, categories);
    }

    /**
     * The same rows with these features in this order.
     *
     * @throws IllegalArgumentException if there is no feature of one of the names; lists those there are
     */
    public Dataset selectFeatures(List<String> names) {
        int[] columns = names.stream().mapToInt(feature -> {
            int column = featureNames.indexOf(feature);
            if (column < 0) {
                throw new IllegalArgumentException(name + " has no feature '" + feature + "'; it has "
                    + String.join(", ", featureNames));
            }
            return column;
        }).toArray();
        return names.equals(featureNames) ? this : new Dataset(name, names, new SelectedColumns(source, columns), targetNames,
            labels, classNames, targets, Shape.of(columns.length), categories);
    }

    /**
     * The same rows, known to be of a shape, such as [28×28] for images: the report shows them so.
     *
     * @throws IllegalArgumentException if it has not as many elements as a row has features
     */
    public Dataset withRowShape(Shape shape) {
        return new Dataset(name, featureNames, source, targetNames, labels, classNames, targets, shape, categories);
    }

    Dataset withCategories(Map<String, List<String>> words) {
        return new Dataset(name, featureNames, source, targetNames, labels, classNames, targets, rowShape, words);
    }

    /** The same rows with other features, as many as before. */
    Dataset withFeatures(Rows values) {
        return new Dataset(name, featureNames, values, targetNames, labels, classNames, targets, rowShape, categories);
    }

    /** As {@link #split(double, double)} with nothing left for a test. */
    public Split split(double train) {
        return split(train, 1 - train);
    }

    /**
     * Cuts the rows in their order; with classes, each class is cut in the same proportion. What is left is the test
     * part. Shuffle first, unless the order is already random.
     *
     * @param train      share of the rows, above 0
     * @param validation share of the rows
     * @throws IllegalArgumentException if the shares are no shares or leave the training part empty
     */
    public Split split(double train, double validation) {
        return Split.of(this, train, validation);
    }

    /**
     * For k-fold cross-validation: as many splits, each of which sets another share of the rows apart for validation and
     * trains on the rest; every row is set apart once. With classes, each class is cut in the same proportion. Shuffle
     * first, unless the order is already random.
     *
     * @throws IllegalArgumentException if there are fewer than 2 folds, or more than rows
     */
    public List<Split> folds(int count) {
        return Split.folds(this, count);
    }

    private int[] gatherLabels(int[] rows) {
        int[] result = new int[rows.length];
        for (int i = 0; i < rows.length; i++) {
            result[i] = labels[rows[i]];
        }
        return result;
    }

    private static float[] gather(float[] source, int columns, int[] rows) {
        float[] result = new float[rows.length * columns];
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(source, rows[i] * columns, result, i * columns, columns);
        }
        return result;
    }

    @Override
    public String toString() {
        return name + ": " + rows() + " rows, " + columns() + " features, "
            + (isClassification() ? classes() + " classes" : "targets " + targetNames);
    }
}
