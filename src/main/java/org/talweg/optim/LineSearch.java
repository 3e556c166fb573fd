package org.talweg.optim;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.talweg.optim.Lbfgs.Objective;
import org.talweg.tensor.Tensor;

/**
 * A line search for the strong Wolfe conditions (Nocedal and Wright 2006, algorithms 3.5 and 3.6): the loss falls by at
 * least {@value #DECREASE} of what the slope promised, and the slope to {@value #CURVATURE} of it. First it steps out
 * until a bracket holds such a point, then narrows the bracket, both by cubic interpolation.
 */
final class LineSearch {
    private static final double DECREASE = 1e-4;
    private static final double CURVATURE = 0.9;
    private static final double LEAST_CHANGE = 1e-9;
    private static final int MOST = 25;

    /**
     * A point of the line.
     *
     * @param at    its place
     * @param slope directional derivative
     */
    record Point(double at, double loss, double slope, Tensor gradient) {
    }

    private final VectorMath vectors;
    /** Three points of a bracket and the start are alive at once. */
    private final List<Tensor> gradients;
    private int next;
    private Objective objective;
    private Tensor parameters;
    private Tensor start;
    private Tensor direction;
    private Point origin;
    private int evaluations;

    LineSearch(VectorMath vectors, StateMemory memory, long length) {
        this.vectors = vectors;
        gradients = IntStream.range(0, 5).mapToObj(i -> memory.vector(length, "gradient")).toList();
    }

    /** A vector for a gradient, not one of {@code used}. */
    Tensor fresh(Point... used) {
        while (true) {
            Tensor tensor = gradients.get(next++ % gradients.size());
            boolean free = true;
            for (Point point : used) {
                free &= point.gradient != tensor;
            }
            if (free) {
                return tensor;
            }
        }
    }

    int evaluations() {
        return evaluations;
    }

    /**
     * @param parameters where the objective looks; its values afterwards mean nothing
     * @param first      the line's beginning
     * @param size       the first place to try
     */
    Point run(Objective newObjective, Tensor newParameters, Tensor newStart, Tensor newDirection, Point first,
              double size) {
        objective = newObjective;
        parameters = newParameters;
        start = newStart;
        direction = newDirection;
        origin = first;
        evaluations = 0;
        Point before = first;
        Point now = evaluate(size, before);
        for (int i = 0; i < MOST; i++) {
            if (isTooHigh(now) || i > 1 && now.loss >= before.loss) {
                return narrow(before, now, i);
            }
            if (isFlat(now)) {
                return now;
            }
            if (now.slope >= 0) {
                return narrow(before, now, i);
            }
            double at = cubic(before, now, now.at + 0.01 * (now.at - before.at), now.at * 10);
            Point last = now;
            now = evaluate(at, before, now);
            before = last;
        }
        return now.loss < origin.loss ? now : origin;
    }

    private Point evaluate(double at, Point... used) {
        Point[] all = Arrays.copyOf(used, used.length + 1);
        all[used.length] = origin;
        Tensor gradient = fresh(all);
        vectors.move(start, at, direction, parameters);
        double loss = objective.evaluate(parameters, gradient);
        evaluations++;
        return new Point(at, loss, vectors.dot(gradient, direction), gradient);
    }

    /** NaN counts as too high. */
    private boolean isTooHigh(Point point) {
        return !(point.loss <= origin.loss + DECREASE * point.at * origin.slope);
    }

    private boolean isFlat(Point point) {
        return Math.abs(point.slope) <= -CURVATURE * origin.slope;
    }

    private Point narrow(Point from, Point to, int done) {
        Point low = from.loss <= to.loss || Double.isNaN(to.loss) ? from : to;
        Point high = low == from ? to : from;
        double length = vectors.largest(direction);
        boolean stalled = false;
        for (int i = done; i < MOST && Math.abs(high.at - low.at) * length >= LEAST_CHANGE; i++) {
            double left = Math.min(low.at, high.at);
            double right = Math.max(low.at, high.at);
            double at = cubic(low, high, left, right);
            double margin = 0.1 * (right - left);
            if (Math.min(right - at, at - left) < margin) {
                // Close to an end twice running, or at it: that far into the bracket instead.
                if (stalled || at >= right || at <= left) {
                    at = Math.abs(at - right) < Math.abs(at - left) ? right - margin : left + margin;
                    stalled = false;
                } else {
                    stalled = true;
                }
            } else {
                stalled = false;
            }
            Point now = evaluate(at, low, high);
            if (isTooHigh(now) || now.loss >= low.loss) {
                // Lower than the low end can only be one that is too high for the slope's promise.
                high = now.loss < low.loss ? low : now;
                low = now.loss < low.loss ? now : low;
            } else if (isFlat(now)) {
                return now;
            } else {
                high = now.slope * (high.at - low.at) >= 0 ? low : high;
                low = now;
            }
        }
        return low;
    }

    /** The minimum of the cubic through two points with their slopes, within bounds; their middle if it has none. */
    static double cubic(Point a, Point b, double least, double most) {
        double d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.at - b.at);
        double square = d1 * d1 - a.slope * b.slope;
        if (!(square >= 0)) {
            return (least + most) / 2;
        }
        double d2 = Math.sqrt(square);
        double place = a.at <= b.at ? b.at - (b.at - a.at) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
            : a.at - (a.at - b.at) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2));
        return Double.isNaN(place) ? (least + most) / 2 : Math.min(Math.max(place, least), most);
    }
}
