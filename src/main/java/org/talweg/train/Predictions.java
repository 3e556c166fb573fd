package org.talweg.train;

import org.talweg.data.Dataset;

/**
 * What a model said of each row of a data set, beside what is true; in host memory. What the outputs mean follows from
 * the targets: one output for each of several classes, of which the first largest is predicted; one output for two
 * classes, or one for each yes-or-no column, which says yes above {@code threshold}; or numbers.
 *
 * @param outputs   row-major, rows × columns, as the model gives them: usually logits
 * @param threshold above which an output says yes: 0 for logits, ½ for probabilities
 * @param yesOrNo   whether targets that are numbers are to be read as yes (above ½) or no
 */
public record Predictions(Dataset data, float[] outputs, int columns, float threshold, boolean yesOrNo) {

    /**
     * @throws IllegalArgumentException if there is not one row of outputs for each row of data
     */
    public Predictions {
        if (outputs.length != Math.multiplyExact(data.rows(), columns)) {
            throw new IllegalArgumentException(outputs.length + " outputs in rows of " + columns + " for "
                + data.rows() + " rows of " + data.name());
        }
        if (data.isClassification() && columns == 1 && data.classes() > 2) {
            throw new IllegalArgumentException("one output a row for the " + data.classes() + " classes of "
                + data.name() + "; give the model one unit per class");
        }
    }

    public int rows() {
        return data.rows();
    }

    /** Whether there are classes to be right or wrong about. */
    public boolean hasClasses() {
        return data.isClassification() || yesOrNo;
    }

    /**
     * Number of classes: 2 where an output says yes or no.
     *
     * @throws IllegalArgumentException if targets are numbers
     */
    public int classes() {
        if (!hasClasses()) {
            throw new IllegalArgumentException(data.name() + " has numbers to predict, not classes; use mae, rmse or r2");
        }
        return data.isClassification() && columns > 1 ? columns : 2;
    }

    /** One for each row, or for each yes-or-no column of each row. */
    public int[] trueClasses() {
        if (classes() > 0 && data.isClassification()) {
            return data.labels();
        }
        int[] classes = new int[data.targets().length];
        for (int i = 0; i < classes.length; i++) {
            classes[i] = data.targets()[i] > 0.5f ? 1 : 0;
        }
        return classes;
    }

    /** As {@link #trueClasses}; −1 where an output is NaN. */
    public int[] predictedClasses() {
        if (classes() > 0 && data.isClassification() && columns > 1) {
            int[] classes = new int[rows()];
            for (int row = 0; row < classes.length; row++) {
                classes[row] = largest(row);
            }
            return classes;
        }
        int[] classes = new int[outputs.length];
        for (int i = 0; i < classes.length; i++) {
            classes[i] = Float.isNaN(outputs[i]) ? -1 : outputs[i] > threshold ? 1 : 0;
        }
        return classes;
    }

    private int largest(int row) {
        int largest = 0;
        for (int column = 0; column < columns; column++) {
            float output = output(row, column);
            if (Float.isNaN(output)) {
                return -1;
            }
            largest = output > output(row, largest) ? column : largest;
        }
        return largest;
    }

    /** What orders rows by how much they look like a class: a softmax probability, or the output that says yes. */
    double[] scores(int ofClass) {
        double[] scores = new double[trueClasses().length];
        for (int i = 0; i < scores.length; i++) {
            if (data.isClassification() && columns > 1) {
                double sum = 0;
                for (int column = 0; column < columns; column++) {
                    sum += Math.exp((double) output(i, column) - output(i, ofClass));
                }
                scores[i] = 1 / sum;
            } else {
                scores[i] = ofClass == 1 ? outputs[i] : -outputs[i];
            }
        }
        return scores;
    }

    /**
     * The numbers to predict, row-major, as many as outputs.
     *
     * @throws IllegalArgumentException if there are classes instead
     */
    float[] numbers() {
        if (data.isClassification()) {
            throw new IllegalArgumentException(data.name() + " has classes to predict, not numbers; use accuracy, "
                + "precision, recall, f1 or auc");
        }
        return data.targets();
    }

    public float output(int row, int column) {
        return outputs[row * columns + column];
    }
}
