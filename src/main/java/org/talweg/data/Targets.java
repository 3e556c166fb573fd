package org.talweg.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;

/** Whether numbers to predict are classes, and which. */
final class Targets {
    private static final int ROWS_PER_CLASS = 5;
    private static final int FEW_VALUES = 20;
    private static final int MOST_CLASSES = 1000;
    /** More would be classes by mistake. */
    private static final int MOST_ASKED = 1 << 20;

    private Targets() {
    }

    /**
     * The different values in order, if they are classes.
     *
     * @param what  for messages
     * @param parts of one data set: training and test rows
     * @return null if they are numbers
     * @throws IllegalArgumentException if classes are asked for, and cannot be
     */
    static double[] classes(Task task, String what, double[]... parts) {
        if (task == Task.REGRESSION) {
            return null;
        }
        int most = task == Task.AUTO ? MOST_CLASSES : MOST_ASKED;
        TreeSet<Double> values = new TreeSet<>();
        long rows = 0;
        for (double[] part : parts) {
            rows += part.length;
            for (double value : part) {
                // −0 is 0.
                values.add(value + 0.0);
                if (values.size() > most) {
                    if (task == Task.AUTO) {
                        return null;
                    }
                    throw new IllegalArgumentException(what + " has more than " + MOST_ASKED
                        + " different values, too many for classes; make it a regression");
                }
            }
        }
        double[] classes = values.stream().mapToDouble(Double::doubleValue).toArray();
        return task == Task.CLASSIFICATION || looksLikeClasses(classes, rows) ? classes : null;
    }

    private static boolean looksLikeClasses(double[] values, long rows) {
        boolean whole = Arrays.stream(values).allMatch(value -> value == Math.rint(value));
        if (!whole || values.length < 2 || (long) values.length * ROWS_PER_CLASS > rows) {
            return false;
        }
        double first = values[0];
        boolean gapless = (first == 0 || first == 1) && values[values.length - 1] - first == values.length - 1;
        return gapless || values.length <= FEW_VALUES;
    }

    static int[] labels(double[] classes, double[] values) {
        return Arrays.stream(values).mapToInt(value -> Arrays.binarySearch(classes, value + 0.0)).toArray();
    }

    static List<String> names(double[] classes) {
        List<String> names = new ArrayList<>();
        for (double value : classes) {
            names.add(name(value));
        }
        return names;
    }

    /** Whole numbers without a point. */
    static String name(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e15 ? String.valueOf((long) value)
            : (float) value == value ? String.valueOf((float) value) : String.valueOf(value);
    }

    static float[] floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }
}
