package org.talweg.train;

import java.util.List;
import java.util.Locale;

/**
 * What a {@link LearningRateFinder} saw, up to the step in which the loss took off.
 *
 * @param diverged whether it did, or the last rate came before it could
 */
public record LearningRateTest(List<Point> points, boolean diverged) {
    /** Share of the steps at the start that say little: the running mean has only begun. */
    private static final int START_SHARE = 10;

    /**
     * @param loss     of one batch
     * @param smoothed its running mean
     */
    public record Point(double learningRate, double loss, double smoothed) {
    }

    public LearningRateTest {
        points = List.copyOf(points);
    }

    /** Where the smoothed loss is lowest: too high a rate already. */
    public Point lowest() {
        return points.get(lowestIndex());
    }

    /**
     * Where the smoothed loss falls fastest in the logarithm of the rate, before it is lowest.
     *
     * @throws IllegalStateException if it falls nowhere: all rates were too high, or too low to be seen
     */
    public Point steepest() {
        int first = points.size() / START_SHARE;
        int best = -1;
        double slope = 0;
        for (int i = Math.max(1, first); i < lowestIndex(); i++) {
            // Rates are evenly spaced in their logarithm, so differences of the loss compare slopes.
            double difference = points.get(i + 1).smoothed - points.get(i - 1).smoothed;
            if (difference < slope) {
                slope = difference;
                best = i;
            }
        }
        if (points.isEmpty()) {
            throw new IllegalStateException("the loss fell nowhere: it is not finite in the very first step; check data "
                + "and loss");
        }
        if (best < 0) {
            throw new IllegalStateException("the loss fell nowhere between the rates " + rate(0) + " and "
                + rate(points.size() - 1) + "; start from a lower rate, or check data and loss");
        }
        return points.get(best);
    }

    private int lowestIndex() {
        int lowest = points.size() / START_SHARE;
        for (int i = lowest; i < points.size(); i++) {
            lowest = points.get(i).smoothed < points.get(lowest).smoothed ? i : lowest;
        }
        return lowest;
    }

    private String rate(int index) {
        return String.format(Locale.ROOT, "%.3g", points.get(index).learningRate);
    }

    /** A table with the columns step, learning_rate, loss and smoothed_loss. */
    public String csv() {
        StringBuilder csv = new StringBuilder("step,learning_rate,loss,smoothed_loss\n");
        for (int i = 0; i < points.size(); i++) {
            Point point = points.get(i);
            csv.append(String.format(Locale.ROOT, "%d,%.9g,%.9g,%.9g%n", i, point.learningRate, point.loss,
                point.smoothed));
        }
        return csv.toString();
    }
}
