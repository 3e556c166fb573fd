package org.talweg.analysis;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.tape.Loss;
import org.talweg.tensor.Philox;

/**
 * A gradient compared with central differences, (f(x + h) − f(x − h)) / 2h.
 *
 * <p>The error of an entry is |gradient − difference| relative to the larger of the two, but to no less than a
 * ten-thousandth of the largest entry, and no less than what rounding leaves of a difference. Where an entry is off,
 * smaller steps are tried, because a step may have crossed a kink of ReLU; at a kink itself a derivative from either
 * side is right. A wrong gradient stays wrong under all of them.
 *
 * @param worst   of every parameter tensor the entry with the largest error, the worst of all first
 * @param checked number of entries compared
 */
public record GradientCheck(List<Entry> worst, int checked) {
    /** Errors above it are mistakes: differences in double are good for 1e-7. */
    public static final double TOLERANCE = 1e-5;
    private static final double STEP = 1e-5;
    private static final double[] STEPS = {STEP, STEP / 10, STEP / 100};
    private static final double FLOOR = 1e-4;
    /** Rounding of a difference, 1e-16 / h, is below the tolerance times this. */
    private static final double ROUNDING_FLOOR = 1e-5;
    private static final int ROWS = 32;
    private static final int PER_PARAMETER = 64;
    private static final long SAMPLE_STREAM = 3L << 32;

    /**
     * One entry of a gradient.
     *
     * @param name       {@code dense_1.weight[3,5]}
     * @param gradient   what backpropagation says
     * @param difference what central differences say
     */
    public record Entry(String name, double gradient, double difference, double relativeError) {

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%s: gradient %.9g, difference %.9g, relative error %.2g", name, gradient,
                difference, relativeError);
        }
    }

    public GradientCheck {
        worst = List.copyOf(worst);
    }

    /**
     * Checks a model in double, whatever its device: at most {@value #PER_PARAMETER} entries of each parameter, drawn
     * by {@code seed}, on the first {@value #ROWS} rows.
     */
    public static GradientCheck of(Model model, Loss loss, Dataset data, long seed) {
        Dataset rows = data.select(IntStream.range(0, Math.min(data.rows(), ROWS)).toArray());
        try (ModelObjective objective = ModelObjective.inDouble(model, loss, rows)) {
            return of(objective, objective.start(), PER_PARAMETER, seed);
        }
    }

    /**
     * @param perParameter at most so many entries of each parameter
     * @param seed         draws them
     */
    public static GradientCheck of(Objective objective, double[] point, int perParameter, long seed) {
        double[] gradient = objective.gradient(point);
        double value = objective.value(point);
        double largest = 0;
        for (double entry : gradient) {
            largest = Double.isFinite(entry) ? Math.max(largest, Math.abs(entry)) : largest;
        }
        double floor = Math.max(FLOOR * largest, ROUNDING_FLOOR * Math.max(1, Math.abs(value)));
        List<Entry> worst = new ArrayList<>();
        int checked = 0;
        for (List<Integer> indices : byParameter(objective).values()) {
            int[] order = Philox.permutation(indices.size(), seed, SAMPLE_STREAM + worst.size());
            int count = Math.min(perParameter, order.length);
            Entry worstHere = IntStream.range(0, count)
                .mapToObj(i -> compare(objective, point, value, gradient, indices.get(order[i]), floor))
                .max(Comparator.comparingDouble(Entry::relativeError)).orElseThrow();
            worst.add(worstHere);
            checked += count;
        }
        worst.sort(Comparator.comparingDouble(Entry::relativeError).reversed());
        return new GradientCheck(worst, checked);
    }

    /** Whether every entry is within {@link #TOLERANCE}. */
    public boolean passed() {
        return worst.get(0).relativeError() <= TOLERANCE;
    }

    /** Indices of the objective's dimensions by the name before the bracket. */
    private static Map<String, List<Integer>> byParameter(Objective objective) {
        return IntStream.range(0, objective.dimensions()).boxed().collect(Collectors.groupingBy(
            index -> objective.nameOf(index).split("\\[")[0], LinkedHashMap::new, Collectors.toList()));
    }

    private static Entry compare(Objective objective, double[] point, double value, double[] gradient, int index,
                                 double floor) {
        Entry best = null;
        double[] moved = point.clone();
        for (double width : STEPS) {
            double step = width * Math.max(1, Math.abs(point[index]));
            double above = at(objective, moved, index, point[index] + step);
            double below = at(objective, moved, index, point[index] - step);
            best = better(best, entry(objective, index, gradient[index], (above - below) / (2 * step), floor));
            if (best.relativeError <= TOLERANCE) {
                return best;
            }
            for (int side = -1; side <= 1; side += 2) {
                double near = side < 0 ? below : above;
                double far = at(objective, moved, index, point[index] + 2 * side * step);
                // Of second order in the step: 4 f(x + h) − f(x + 2h) − 3 f(x) over 2h.
                double oneSided = side * (4 * near - far - 3 * value) / (2 * step);
                Entry candidate = entry(objective, index, gradient[index], oneSided, floor);
                if (candidate.relativeError <= TOLERANCE) {
                    return candidate;
                }
            }
        }
        return best;
    }

    private static double at(Objective objective, double[] point, int index, double coordinate) {
        double before = point[index];
        point[index] = coordinate;
        double value = objective.value(point);
        point[index] = before;
        return value;
    }

    private static Entry entry(Objective objective, int index, double gradient, double difference, double floor) {
        double error = Math.abs(gradient - difference)
            / Math.max(floor, Math.max(Math.abs(gradient), Math.abs(difference)));
        return new Entry(objective.nameOf(index), gradient, difference, Double.isNaN(error)
            ? Double.POSITIVE_INFINITY : error);
    }

    private static Entry better(Entry a, Entry b) {
        return a == null || b.relativeError < a.relativeError ? b : a;
    }

    @Override
    public String toString() {
        return (passed() ? "gradients agree with central differences" : "gradients are WRONG") + " (" + checked
            + " entries compared); worst " + worst.get(0);
    }
}
