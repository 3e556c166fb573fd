package org.talweg.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Optional;
import java.util.function.ObjIntConsumer;

/**
 * Brings features to one scale: (x − shift) / divisor, each feature with its own. Fit it on the training rows alone,
 * or the validation rows leak into training. A feature that is constant, or has a divisor of 0 for another reason, is
 * divided by 1. Missing values, NaN, are passed over in fitting, and filled where a {@link Fill} is chosen.
 */
public final class Scaler {
    /** Most values that are sorted at a time: 64 MiB of them. */
    private static final int SORTED_VALUES = 1 << 23;

    private final String name;
    private final double[] shift;
    private final double[] divisor;
    /** What a missing value becomes before it is scaled; null if it stays missing. */
    private final double[] fill;

    private Scaler(String name, double[] shift, double[] divisor, double[] fill) {
        this.name = name;
        this.shift = shift;
        this.divisor = divisor;
        this.fill = fill;
    }

    /** @param fitted shift and divisor of each feature */
    private Scaler(String name, List<double[]> fitted) {
        this(name, fitted.stream().mapToDouble(f -> f[0]).toArray(),
            fitted.stream().mapToDouble(f -> f[1] > 0 ? f[1] : 1).toArray(), null);
    }

    /** A way of scaling, to be fitted to rows. */
    @FunctionalInterface
    public interface Method {
        /**
         * @throws IllegalArgumentException if there are no rows
         */
        Scaler fit(Dataset data);

        /** The same, and missing values take {@code fill} of the fitted rows before they are scaled. */
        default Method filling(Fill fill) {
            return data -> {
                Scaler scaler = fit(data);
                return new Scaler(scaler.name, scaler.shift, scaler.divisor, fill.of(data));
            };
        }
    }

    /** What a missing value, NaN, becomes. */
    public enum Fill {
        /** The feature's mean. */
        MEAN {
            @Override
            double[] of(Dataset data) {
                return Arrays.stream(summaries(data, (value, column) -> value))
                    .mapToDouble(DoubleSummaryStatistics::getAverage).toArray();
            }
        },
        /** The feature's median. */
        MEDIAN {
            @Override
            double[] of(Dataset data) {
                double[] medians = new double[data.columns()];
                sorted(data, (values, column) -> medians[column] = quantile(values, 0.5));
                return medians;
            }
        },
        ZERO {
            @Override
            double[] of(Dataset data) {
                return new double[data.columns()];
            }
        };

        abstract double[] of(Dataset data);
    }

    /**
     * To mean 0 and standard deviation 1 (of the population: divided by the number of rows). A constant feature becomes
     * 0.
     */
    public static Method standard() {
        return Scaler::standard;
    }

    /** To the range 0 to 1. A constant feature becomes 0. */
    public static Method minMax() {
        return data -> fit("minmax", data, values ->
            new double[] {values.getMin(), values.getMax() - values.getMin()});
    }

    /**
     * To median 0 and an interquartile range of 1, whatever a few outliers do. Quartiles between two rows are
     * interpolated, as in numpy.
     */
    public static Method robust() {
        return Scaler::robust;
    }

    /** To a 2-norm of 1 over the fitted rows; zero stays zero. */
    public static Method l2() {
        return data -> of("l2", summaries(data, (value, column) -> value * value), squares ->
            new double[] {0, Math.sqrt(squares.getSum())});
    }

    /** To a largest magnitude of 1; zero stays zero. */
    public static Method maxAbs() {
        return data -> fit("maxabs", data, values ->
            new double[] {0, Math.max(Math.abs(values.getMin()), Math.abs(values.getMax()))});
    }

    /** As they are: for missing values to be filled alone. */
    public static Method none() {
        return data -> fit("none", data, values -> new double[] {0, 1});
    }

    /**
     * A fitted scaler from its parts, as a model's file has them.
     *
     * @throws IllegalArgumentException if they are not one finite shift and one finite divisor other than 0 a feature
     */
    public static Scaler of(String name, double[] shift, double[] divisor) {
        return of(name, shift, divisor, null);
    }

    /**
     * As above, and missing values are filled.
     *
     * @param fill one finite number a feature, or null
     * @throws IllegalArgumentException if a part is not as it must be
     */
    public static Scaler of(String name, double[] shift, double[] divisor, double[] fill) {
        if (fill != null && (fill.length != shift.length || !Arrays.stream(fill).allMatch(Double::isFinite))) {
            throw new IllegalArgumentException("scaler " + name + " fills missing values of " + shift.length
                + " features with " + Arrays.toString(fill) + "; it needs a finite number for each");
        }
        if (shift.length == 0 || shift.length != divisor.length
            || !Arrays.stream(shift).allMatch(Double::isFinite)
            || !Arrays.stream(divisor).allMatch(value -> Double.isFinite(value) && value != 0)) {
            throw new IllegalArgumentException("scaler " + name + " has shifts " + Arrays.toString(shift)
                + " and divisors " + Arrays.toString(divisor) + "; it needs one of each a feature, all finite and no "
                + "divisor 0");
        }
        return new Scaler(name, shift.clone(), divisor.clone(), fill == null ? null : fill.clone());
    }

    /** Shift and divisor of one feature, from what a pass over all its values saw. */
    private interface Summary {
        double[] fit(DoubleSummaryStatistics values);
    }

    private static Scaler fit(String name, Dataset data, Summary summary) {
        return of(name, summaries(data, (value, column) -> value), summary);
    }

    private static Scaler of(String name, DoubleSummaryStatistics[] values, Summary summary) {
        return new Scaler(name, Arrays.stream(values).map(summary::fit).toList());
    }

    private interface Term {
        double of(double value, int column);
    }

    /** Of each feature: a term of its values that are there, added up in the order of the rows. */
    private static DoubleSummaryStatistics[] summaries(Dataset data, Term term) {
        check(data);
        DoubleSummaryStatistics[] summaries = new DoubleSummaryStatistics[data.columns()];
        Arrays.setAll(summaries, column -> new DoubleSummaryStatistics());
        float[] values = new float[summaries.length];
        for (int row = 0; row < data.rows(); row++) {
            data.source().read(row, values, 0);
            for (int column = 0; column < values.length; column++) {
                if (!Float.isNaN(values[column])) {
                    summaries[column].accept(term.of(values[column], column));
                }
            }
        }
        for (int column = 0; column < summaries.length; column++) {
            checkPresent(data, column, summaries[column].getCount());
        }
        return summaries;
    }

    private static void check(Dataset data) {
        if (data.rows() == 0) {
            throw new IllegalArgumentException(data.name() + " has no rows to fit a scaler to");
        }
    }

    private static void checkPresent(Dataset data, int column, long count) {
        if (count == 0) {
            throw new IllegalArgumentException(data.name() + " has no value of feature '" + data.featureNames().get(column)
                + "' in its " + data.rows() + " rows; leave the feature out");
        }
    }

    /** Each feature's values that are there, sorted, as many features at a time as fit into a block. */
    private static void sorted(Dataset data, ObjIntConsumer<double[]> use) {
        check(data);
        int columns = data.columns();
        int width = Math.max(1, Math.min(columns, SORTED_VALUES / data.rows()));
        float[] values = new float[columns];
        for (int first = 0; first < columns; first += width) {
            int many = Math.min(width, columns - first);
            double[][] block = new double[many][data.rows()];
            int[] counts = new int[many];
            for (int row = 0; row < data.rows(); row++) {
                data.source().read(row, values, 0);
                for (int i = 0; i < many; i++) {
                    if (!Float.isNaN(values[first + i])) {
                        block[i][counts[i]++] = values[first + i];
                    }
                }
            }
            for (int i = 0; i < many; i++) {
                checkPresent(data, first + i, counts[i]);
                double[] present = Arrays.copyOf(block[i], counts[i]);
                Arrays.sort(present);
                use.accept(present, first + i);
            }
        }
    }

    private static Scaler standard(Dataset data) {
        DoubleSummaryStatistics[] plain = summaries(data, (value, column) -> value);
        double[] means = Arrays.stream(plain).mapToDouble(DoubleSummaryStatistics::getAverage).toArray();
        DoubleSummaryStatistics[] squares = summaries(data,
            (value, column) -> (value - means[column]) * (value - means[column]));
        List<double[]> fitted = new ArrayList<>();
        for (int column = 0; column < means.length; column++) {
            // A constant exactly, where the mean would be rounded.
            fitted.add(plain[column].getMin() == plain[column].getMax() ? new double[] {plain[column].getMin(), 0}
                : new double[] {means[column], Math.sqrt(squares[column].getAverage())});
        }
        return new Scaler("standard", fitted);
    }

    private static Scaler robust(Dataset data) {
        List<double[]> fitted = new ArrayList<>();
        sorted(data, (values, column) ->
            fitted.add(new double[] {quantile(values, 0.5), quantile(values, 0.75) - quantile(values, 0.25)}));
        return new Scaler("robust", fitted);
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

    /** What a missing value of each feature becomes before it is scaled; empty if it stays missing. */
    public Optional<double[]> fill() {
        return Optional.ofNullable(fill).map(double[]::clone);
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
        return data.withFeatures(data.source().scale(this));
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
        float[] result = features.clone();
        for (int row = 0; row < result.length; row += shift.length) {
            applyTo(result, row, shift.length);
        }
        return result;
    }

    /** Scales one row where it lies. */
    void applyTo(float[] values, int offset, int columns) {
        for (int column = 0; column < columns; column++) {
            float value = values[offset + column];
            double present = fill != null && Float.isNaN(value) ? fill[column] : value;
            values[offset + column] = (float) ((present - shift[column]) / divisor[column]);
        }
    }
}
