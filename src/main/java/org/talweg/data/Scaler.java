package org.talweg.data;

/**
 * Brings features to one scale: (x − shift) / divisor, each feature with its own. Fit it on the training rows alone,
 * or the validation rows leak into training.
 */
public final class Scaler {
    private final double[] shift;
    private final double[] divisor;

    private Scaler(double[] shift, double[] divisor) {
        this.shift = shift;
        this.divisor = divisor;
    }

    /** A way of scaling, to be fitted to rows. */
    @FunctionalInterface
    public interface Method {
        Scaler fit(Dataset data);
    }

    /**
     * To mean 0 and standard deviation 1 (of the population: divided by the number of rows). A constant feature becomes
     * 0.
     */
    public static Method standard() {
        return Scaler::fitStandard;
    }

    /** To the range 0 to 1. A constant feature becomes 0. */
    public static Method minMax() {
        return Scaler::fitMinMax;
    }

    private static Scaler fitStandard(Dataset data) {
        int columns = data.columns();
        int rows = rows(data);
        double[] mean = new double[columns];
        double[] deviation = new double[columns];
        for (int column = 0; column < columns; column++) {
            double sum = 0;
            boolean constant = true;
            float first = data.features()[column];
            for (int row = 0; row < rows; row++) {
                float value = data.features()[row * columns + column];
                sum += value;
                constant &= value == first;
            }
            mean[column] = constant ? first : sum / rows;
            double squares = 0;
            for (int row = 0; row < rows; row++) {
                double distance = data.features()[row * columns + column] - mean[column];
                squares += distance * distance;
            }
            deviation[column] = constant ? 1 : Math.sqrt(squares / rows);
        }
        return new Scaler(mean, deviation);
    }

    private static Scaler fitMinMax(Dataset data) {
        int columns = data.columns();
        int rows = rows(data);
        double[] low = new double[columns];
        double[] range = new double[columns];
        for (int column = 0; column < columns; column++) {
            double min = Double.POSITIVE_INFINITY;
            double max = Double.NEGATIVE_INFINITY;
            for (int row = 0; row < rows; row++) {
                min = Math.min(min, data.features()[row * columns + column]);
                max = Math.max(max, data.features()[row * columns + column]);
            }
            low[column] = min;
            range[column] = max > min ? max - min : 1;
        }
        return new Scaler(low, range);
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

    private static int rows(Dataset data) {
        if (data.rows() == 0) {
            throw new IllegalArgumentException(data.name() + " has no rows to fit a scaler to");
        }
        return data.rows();
    }
}
