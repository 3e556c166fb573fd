package org.talweg.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.talweg.tensor.Shape;

/**
 * A data set of arrays with a row for each sample: features of any rank, which are flattened, and targets. By their usual
 * names the arrays are found without help: {@code x} and {@code y}, {@code x_train} … {@code y_test}, {@code data} and
 * {@code target}, {@code images} and {@code labels}, {@code arr_0} and {@code arr_1}. A single array is a table.
 */
public final class ArraySource {
    /** Features, targets, and both of the test rows. */
    private static final String[][] USUAL = {
        {"x_train", "y_train", "x_test", "y_test"}, {"train_x", "train_y", "test_x", "test_y"},
        {"train_images", "train_labels", "test_images", "test_labels"}, {"train_data", "train_labels", "test_data",
            "test_labels"}, {"x", "y"}, {"data", "target"}, {"data", "targets"}, {"data", "labels"}, {"data", "label"},
        {"features", "target"}, {"features", "targets"}, {"features", "labels"}, {"features", "label"},
        {"images", "labels"}, {"inputs", "targets"}, {"inputs", "outputs"}, {"arr_0", "arr_1"}};

    private final String name;
    private final Map<String, NumberArray> arrays;
    private String features;
    private String target;
    private Task task = Task.AUTO;
    private Missing missing = Missing.ERROR;

    ArraySource(String name, Map<String, NumberArray> arrays) {
        this.name = name;
        this.arrays = arrays;
    }

    /** The array to learn from. */
    public ArraySource features(String array) {
        features = array;
        return this;
    }

    /** The array to predict; of a single array the column, counted from 0, or from the end as −1. */
    public ArraySource target(String array) {
        target = array;
        return this;
    }

    /** Classes or numbers. */
    public ArraySource task(Task value) {
        task = value;
        return this;
    }

    /** What to do with NaN. */
    public ArraySource missing(Missing value) {
        missing = value;
        return this;
    }

    /** The rows that are not set apart for the test. */
    public Dataset load() {
        return loadAll().rows();
    }

    /**
     * With the rows that the arrays themselves set apart for the test.
     *
     * @throws IllegalArgumentException if it is not clear which array is what, if arrays do not fit together, or if a value
     *                                  is not finite; says which, and where
     */
    public Loaded loadAll() {
        if (arrays.size() == 1) {
            return Loaded.of(table(arrays.values().iterator().next()));
        }
        String[] found = Arrays.stream(USUAL).filter(this::matches).findFirst().orElse(null);
        String x = features != null ? features : found != null ? found[0] : onlyOther();
        String y = target != null ? target : found != null ? found[1] : null;
        if (x == null || y == null) {
            if (y != null) {
                array(y);
            }
            throw new IllegalArgumentException(name + " holds " + list() + "; say which array to learn from and which to "
                + "predict" + (y == null ? "" : ", besides '" + y + "'"));
        }
        NumberArray inputs = array(x);
        NumberArray outputs = array(y);
        boolean tested = found != null && found.length == 4 && has(found[2]) && has(found[3]);
        return tested ? join(inputs, outputs, array(found[2]), array(found[3])) : join(inputs, outputs, null, null);
    }

    /**
     * The rows to ask a model of, without targets: the array that {@link #features} names, else the only one with rows of as
     * many numbers.
     *
     * @param columns that the model takes
     * @throws IllegalArgumentException if none or several are so, or a value is not finite; says which
     */
    public Rows rows(int columns) {
        List<NumberArray> fitting = (features != null ? List.of(array(features)) : List.copyOf(arrays.values())).stream()
            .filter(array -> array.columns() == columns).toList();
        if (fitting.size() != 1) {
            throw new IllegalArgumentException(name + " holds " + list() + "; " + (fitting.isEmpty() ? "none of them has"
                : "more than one has") + " rows of " + columns + " numbers, which the model takes" + (fitting.isEmpty() ? ""
                : "; name the array with --features"));
        }
        return check(fitting.get(0));
    }

    private boolean matches(String[] usual) {
        return (features == null ? has(usual[0]) : usual[0].equalsIgnoreCase(features))
            && (target == null ? has(usual[1]) : usual[1].equalsIgnoreCase(target));
    }

    private boolean has(String array) {
        return find(array).isPresent();
    }

    private Optional<NumberArray> find(String array) {
        return Optional.ofNullable(arrays.get(array)).or(() -> arrays.entrySet().stream()
            .filter(entry -> entry.getKey().equalsIgnoreCase(array)).map(Map.Entry::getValue).findFirst());
    }

    private NumberArray array(String array) {
        return find(array).orElseThrow(() -> new IllegalArgumentException(name + " has no array '" + array + "'; it holds "
            + list()));
    }

    private String onlyOther() {
        List<String> others = arrays.keySet().stream().filter(key -> !key.equals(target)).toList();
        return target != null && others.size() == 1 ? others.get(0) : null;
    }

    private String list() {
        return arrays.isEmpty() ? "no arrays" : arrays.entrySet().stream().map(entry -> entry.getKey() + " "
            + entry.getValue().shape()).collect(Collectors.joining(", "));
    }

    private Loaded join(NumberArray inputs, NumberArray outputs, NumberArray testInputs, NumberArray testOutputs) {
        if (testInputs != null && (testInputs.rows() > 0 && inputs.rows() > 0
            && testInputs.columns() != inputs.columns() || testOutputs.columns() != outputs.columns())) {
            throw new IllegalArgumentException(name + ": training rows are " + inputs + " and " + outputs
                + ", test rows " + testInputs + " and " + testOutputs);
        }
        List<NumberArray> all = testInputs == null ? List.of(outputs) : List.of(outputs, testOutputs);
        Labels labels = labels(all);
        Dataset rows = dataset(inputs, outputs, labels);
        return new Loaded(rows, testInputs == null ? null : dataset(testInputs, testOutputs, labels));
    }

    /** @param classes null for numbers */
    private record Labels(double[] classes, boolean oneHot) {
    }

    private Labels labels(List<NumberArray> targets) {
        String what = targets.get(0).name();
        long columns = targets.get(0).columns();
        if (columns == 1) {
            double[][] parts = targets.stream().map(part -> column(part, 0)).toArray(double[][]::new);
            return new Labels(Targets.classes(task, what, parts), false);
        }
        boolean oneHot = task != Task.REGRESSION && targets.stream().allMatch(ArraySource::isOneHot);
        if (task == Task.CLASSIFICATION && !oneHot) {
            throw new IllegalArgumentException(what + " of shape " + targets.get(0).shape() + " does not hold one-hot rows; "
                + "classes need one number a row, or one-hot rows");
        }
        return new Labels(oneHot ? IntStream.range(0, (int) columns).asDoubleStream().toArray() : null, oneHot);
    }

    private static boolean isOneHot(NumberArray array) {
        for (int row = 0; row < array.rows(); row++) {
            if (hot(array, row) < 0) {
                return false;
            }
        }
        return array.rows() > 0 && array.columns() > 1;
    }

    /** The column of the single 1 among zeros; −1 if the row is not so. */
    private static int hot(NumberArray array, int row) {
        int hot = -1;
        for (int column = 0; column < array.columns(); column++) {
            double value = array.get(row, column);
            if (value != 0) {
                if (value != 1 || hot >= 0) {
                    return -1;
                }
                hot = column;
            }
        }
        return hot;
    }

    private double[] column(NumberArray array, int column) {
        double[] values = new double[array.rows()];
        for (int row = 0; row < values.length; row++) {
            values[row] = array.get(row, column);
            if (!Float.isFinite((float) values[row])) {
                throw new IllegalArgumentException(place(array, row, column) + values[row]
                    + " is no target; it must be a finite float32 number");
            }
        }
        return values;
    }

    private Dataset dataset(NumberArray inputs, NumberArray outputs, Labels labels) {
        if (inputs.rows() != outputs.rows()) {
            throw new IllegalArgumentException(inputs.name() + " has " + inputs.rows() + " rows, " + outputs.name() + " "
                + outputs.rows());
        }
        List<String> targetNames = outputs.columns() == 1 ? List.of(shortName(outputs))
            : names(shortName(outputs), outputs.shape());
        Rows rows = check(inputs);
        int[] numbers = null;
        float[] values = null;
        if (labels.classes == null) {
            values = new float[Math.toIntExact(outputs.rows() * outputs.columns())];
            for (int column = 0; column < targetNames.size(); column++) {
                double[] one = column(outputs, column);
                for (int row = 0; row < one.length; row++) {
                    values[row * targetNames.size() + column] = (float) one[row];
                }
            }
        } else if (labels.oneHot) {
            numbers = IntStream.range(0, outputs.rows()).map(row -> hot(outputs, row)).toArray();
        } else {
            numbers = Targets.labels(labels.classes, column(outputs, 0));
        }
        Dataset data = new Dataset(name, names(shortName(inputs), inputs.shape()), rows,
            labels.classes == null ? targetNames : List.of(shortName(outputs)), numbers,
            labels.classes == null ? List.of() : Targets.names(labels.classes), values);
        return keep(inputs.shape().rank() > 2 ? data.withRowShape(inputs.shape().row()) : data, inputs);
    }

    /** A single array of two dimensions: features, and a column of targets. */
    private Dataset table(NumberArray array) {
        if (array.shape().rank() != 2 || array.shape().dim(1) < 2 || array.rows() == 0) {
            throw new IllegalArgumentException(array + " is no table of features and a target; it needs the shape "
                + "[rows×columns], or an array of targets beside it in an NPZ file");
        }
        if (features != null) {
            throw new IllegalArgumentException(array + " is the only array; there is no choice of features '" + features
                + "'");
        }
        int columns = array.shape().dim(1);
        int aim = target == null ? columns - 1 : column(columns);
        double[] values = column(array, aim);
        double[] classes = Targets.classes(task, array.name() + ", column " + aim, values);
        List<String> featureNames = new ArrayList<>(names("x", array.shape()));
        String targetName = featureNames.remove(aim);
        Rows all = check(array);
        Rows rows = new SelectedColumns(all, IntStream.range(0, columns).filter(i -> i != aim).toArray());
        Dataset data = new Dataset(name, featureNames, rows, List.of(targetName),
            classes == null ? null : Targets.labels(classes, values), classes == null ? List.of() : Targets.names(classes),
            classes == null ? Targets.floats(values) : null);
        return keep(data, array);
    }

    private int column(int columns) {
        try {
            int index = Integer.parseInt(target);
            if (index >= -columns && index < columns) {
                return Math.floorMod(index, columns);
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new IllegalArgumentException(name + " has no column '" + target + "'; it has 0 to " + (columns - 1)
            + ", or from the end -1 to -" + columns);
    }

    private Rows check(NumberArray array) {
        if (array.rows() == 0 || array.columns() == 0) {
            throw new IllegalArgumentException(array + " has no rows of numbers");
        }
        Rows rows = array.asRows();
        if (!array.isFloat()) {
            return rows;
        }
        float[] values = new float[rows.columns()];
        for (int row = 0; row < rows.count(); row++) {
            rows.read(row, values, 0);
            for (int column = 0; column < values.length; column++) {
                if (!Float.isFinite(values[column]) && (missing == Missing.ERROR || !Float.isNaN(values[column]))) {
                    throw new IllegalArgumentException(place(array, row, column) + array.get(row, column)
                        + (Float.isNaN(values[column]) ? " is a missing value; fill it in, or read with missing values "
                        + "dropped or filled" : " is not a finite float32 number"));
                }
            }
        }
        return rows;
    }

    /** Without rows in which something is missing, if they are to be dropped. */
    private Dataset keep(Dataset data, NumberArray array) {
        if (missing != Missing.DROP || !array.isFloat()) {
            return data;
        }
        float[] values = new float[data.columns()];
        int[] whole = IntStream.range(0, data.rows()).filter(row -> {
            data.source().read(row, values, 0);
            for (float value : values) {
                if (Float.isNaN(value)) {
                    return false;
                }
            }
            return true;
        }).toArray();
        if (whole.length == 0) {
            throw new IllegalArgumentException(array + ": each row lacks a value, so none is left");
        }
        return whole.length == data.rows() ? data : data.select(whole);
    }

    private static String place(NumberArray array, int row, int column) {
        return array.name() + ", row " + row + ", number " + column + " of the row: ";
    }

    /** {@code x} of {@code digits.npz: x_train}. */
    private static String shortName(NumberArray array) {
        String whole = array.name();
        return whole.substring(whole.lastIndexOf(": ") + 1).strip().replaceAll("^train_|_train$", "");
    }

    /** {@code x5}, or {@code x3_14} where a row has two dimensions. */
    private static List<String> names(String base, Shape shape) {
        Shape row = shape.rank() < 2 ? Shape.of(1) : shape.row();
        int[] index = new int[row.rank()];
        List<String> names = new ArrayList<>();
        for (long i = 0; i < row.elements(); i++) {
            names.add(base + Arrays.stream(index).mapToObj(String::valueOf).collect(Collectors.joining("_")));
            for (int d = index.length - 1; d >= 0 && ++index[d] == row.dim(d); d--) {
                index[d] = 0;
            }
        }
        return names;
    }
}
