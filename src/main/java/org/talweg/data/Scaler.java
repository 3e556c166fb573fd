package org.talweg.data;

import java.util.Arrays;

/**
 * Brings features to one scale: (x − shift) / divisor, each feature with its own. Fit it on the training rows alone,
 * or the validation rows leak into training. A feature that is constant, or has a divisor of 0 for another reason, is
 * divided by 1.
 */
public final class Scaler {
    private final String name;
    private final double[] shift;
    private final double[] divisor;

    private Scaler(String name, double[] shift, double[] divisor) {
        this.name = name;
        this.shift = shift;
        this.divisor = divisor;
    }

    /** A way of scaling, to be fitted to rows. */
    @FunctionalInterface
    public interface Method {
        /**
         * @throws IllegalArgumentException if there are no rows
         */
        Scaler fit(Dataset data);
    }

    /**
     * To mean 0 and standard deviation 1 (of the population: divided by the number of rows). A constant feature becomes
     * 0.
     */
    public static Method standard() {
        return data -> fit("standard", data, Scaler::standard);
    }

    /** To the range 0 to 1. A constant feature becomes 0. */
    public static Method minMax() {
        return data -> fit("minmax", data, (sorted, column) -> {
            double low = sorted[0];
            return new double[] {low, sorted[sorted.length - 1] - low};
        });
    }

    /**
     * To median 0 and an interquartile range of 1, whatever a few outliers do. Quartiles between two rows are
     * interpolated, as in numpy.
     */
    public static Method robust() {
        return data -> fit("robust", data, (sorted, column) ->
            new double[] {quantile(sorted, 0.5), quantile(sorted, 0.75) - quantile(sorted, 0.25)});
    }

    /** To a 2-norm of 1 over the fitted rows; zero stays zero. */
    public static Method l2() {
        return data -> fit("l2", data, (sorted, column) ->
            new double[] {0, Math.sqrt(Arrays.stream(column).map(x -> x * x).sum())});
    }

    /** To a largest magnitude of 1; zero stays zero. */
    public static Method maxAbs() {
        return data -> fit("maxabs", data, (sorted, column) ->
            new double[] {0, Math.max(Math.abs(sorted[0]), Math.abs(sorted[sorted.length - 1]))});
    }

    /**
     * A fitted scaler from its parts, as a model's file has them.
     *
     * @throws IllegalArgumentException if they are not one finite shift and one finite divisor other than 0 a feature
     */
    public static Scaler of(String name, double[] shift, double[] divisor) {
        if (shift.length == 0 || shift.length != divisor.length
            || !Arrays.stream(shift).allMatch(Double::isFinite)
            || !Arrays.stream(divisor).allMatch(value -> Double.isFinite(value) && value != 0)) {
            throw new IllegalArgumentException("scaler " + name + " has shifts " + Arrays.toString(shift)
                + " and divisors " + Arrays.toString(divisor) + "; it needs one of each a feature, all finite and no "
                + "divisor 0");
        }
        return new Scaler(name, shift.clone(), divisor.clone());
    }

    private interface Column {
        /** Shift and divisor of one feature, given its values sorted and in the order of the rows. */
        double[] fit(double[] sorted, double[] column);
    }

    private static Scaler fit(String name, Dataset data, Column method) {
        if (data.rows() == 0) {
            throw new IllegalArgumentException(data.name() + " has no rows to fit a scaler to");
        }
        int columns = data.columns();
        double[] shift = new double[columns];
        double[] divisor = new double[columns];
        for (int c = 0; c < columns; c++) {
            double[] column = new double[data.rows()];
            for (int row = 0; row < column.length; row++) {
                column[row] = data.features()[row * columns + c];
            }
            double[] sorted = column.clone();
            Arrays.sort(sorted);
            double[] fitted = method.fit(sorted, column);
            shift[c] = fitted[0];
            divisor[c] = fitted[1] > 0 ? fitted[1] : 1;
        }
        return new Scaler(name, shift, divisor);
    }

    private static double[] standard(double[] sorted, double[] column) {
        if (sorted[0] == sorted[sorted.length - 1]) {
            // Exactly, where the mean would be rounded.
            return new double[] {sorted[0], 0};
        }
        double mean = Arrays.stream(column).sum() / column.length;
        double squares = Arrays.stream(column).map(x -> (x - mean) * (x - mean)).sum();
        return new double[] {mean, Math.sqrt(squares / column.length)};
    }

    private static double quantile(double[] sorted, double share) {
        double position = share * (sorted.length - 1);
        int below = (int) position;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
    }

    /** How it was fitted: {@code standard}, {@code minmax}, {@code robust}, {@code l2} or {@code maxabs}. */
    public String name() {
        return name;
    }

    /** Number of features. */
    public int columns() {
        return shift.length;
    }

    /** What is subtracted from each feature. */
    public double[] shift() {
        return shift.clone();
    }

    /** What each feature is then divided by. */
    public double[] divisor() {
        return divisor.clone();
    }

    /**
     * The same rows with scaled features.
     *
     * @throws IllegalArgumentException if the number of features is not that of the fitted rows
     */
    public Dataset apply(Dataset data) {
        if (data.columns() != shift.length) {
            throw new IllegalArgumentException(data.name() + " has " + data.columns()
                + " features; this scaler was fitted to " + shift.length);
        }
        return data.withFeatures(apply(data.features()));
    }

    /** All three parts of a split. */
    public Split apply(Split split) {
        return new Split(apply(split.train()), apply(split.validation()), apply(split.test()));
    }

    /** Rows of features, row-major, scaled. */
    public float[] apply(float[] features) {
        if (features.length % shift.length != 0) {
            throw new IllegalArgumentException(features.length + " values are no rows of " + shift.length
                + " features, which this scaler was fitted to");
        }
        float[] result = new float[features.length];
        for (int i = 0; i < features.length; i++) {
            int column = i % shift.length;
            result[i] = (float) ((features[i] - shift[column]) / divisor[column]);
        }
        return result;
    }
}
