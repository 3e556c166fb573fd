package org.talweg.analysis;

import java.util.Locale;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.tape.Loss;

/**
 * What kind of point descent stopped at. A gradient near zero says that the loss is level there; only the curvature
 * says whether it is a minimum. The signs of the smallest and the largest eigenvalue of the Hessian tell.
 *
 * @param gradientNorm ‖∇f‖ in all dimensions
 * @param smallest     eigenvalue of the Hessian; NaN for a {@link Kind#SLOPE}
 * @param largest      likewise
 * @param error        eigenvalues within it of zero count as zero
 * @param escape       for a {@link Kind#SADDLE} the unit vector along which the loss falls fastest on both sides, else
 *                     null
 */
public record StationaryPoint(Kind kind, double gradientNorm, double smallest, double largest, double error,
                              double[] escape) {
    /** Below so many parameters times rows a model is looked at in double. */
    private static final long DOUBLE_WORK = 500_000;
    private static final double NOISE = 100;
    /** Of curvatures: at a point of a function whose values are about 1. */
    private static final double SMALLEST_CURVATURE = 1e-9;

    /** What the signs of the extreme eigenvalues mean. */
    public enum Kind {
        /** The gradient is not small: descent has not arrived. */
        SLOPE("a slope, not a stationary point", "go on training, or raise the learning rate"),
        /** All curvatures are positive. */
        MINIMUM("a minimum", "descent has arrived at a minimum; a better one needs another start"),
        /** All curvatures are negative. */
        MAXIMUM("a maximum", "any small step away goes down; perturb the parameters and go on"),
        /** Curvatures of both signs. */
        SADDLE("a saddle point", "it is no minimum: go on with momentum, noise from smaller batches, or a step along "
            + "the direction of negative curvature"),
        /** No curvature is negative, some are zero: a minimum as far as second derivatives tell. */
        VALLEY("the floor of a valley: no curvature is negative, some are zero", "as good as a minimum for training; "
            + "parameters along the floor do not matter to the loss"),
        /** No curvature is positive, some are zero. */
        RIDGE("a ridge: no curvature is positive", "any small step off the ridge goes down; perturb the parameters and "
            + "go on"),
        /** All curvatures are zero. */
        FLAT("a plateau: neither slope nor curvature", "look at the gradients of each layer: units may be dead or "
            + "saturated");

        private final String words;
        private final String advice;

        Kind(String words, String advice) {
            this.words = words;
            this.advice = advice;
        }

        public String words() {
            return words;
        }

        /** What to do about it. */
        public String advice() {
            return advice;
        }
    }

    /**
     * Looks at the point where a model stands, over a whole data set: in double if the model is small, else on its own
     * device.
     *
     * @param gradientTolerance the largest gradient norm that counts as level
     */
    public static StationaryPoint of(Model model, Loss loss, Dataset data, double gradientTolerance) {
        boolean small = model.parameterCount() * data.rows() <= DOUBLE_WORK;
        try (ModelObjective objective = small ? ModelObjective.inDouble(model, loss, data)
            : ModelObjective.of(model, loss, data)) {
            return of(objective, objective.start(), gradientTolerance);
        }
    }

    /**
     * @param gradientTolerance the largest gradient norm that counts as level
     * @throws ArithmeticException if gradients around the point are not finite
     */
    public static StationaryPoint of(Objective objective, double[] point, double gradientTolerance) {
        double norm = Vectors.norm(objective.gradient(point));
        if (!(norm <= gradientTolerance)) {
            return new StationaryPoint(Kind.SLOPE, norm, Double.NaN, Double.NaN, Double.NaN, null);
        }
        Hessian hessian = new Hessian(objective, point);
        Lanczos.Extremes ends = hessian.extremes();
        double size = Math.max(Math.abs(ends.smallest()), Math.abs(ends.largest()));
        double error = Math.max(ends.error(), Math.max(NOISE * hessian.accuracy() * size, SMALLEST_CURVATURE));
        Kind kind = kind(ends.smallest(), ends.largest(), error);
        return new StationaryPoint(kind, norm, ends.smallest(), ends.largest(), error,
            kind == Kind.SADDLE ? ends.smallestVector() : null);
    }

    private static Kind kind(double smallest, double largest, double error) {
        boolean falls = smallest < -error;
        boolean rises = largest > error;
        if (falls && rises) {
            return Kind.SADDLE;
        }
        if (rises) {
            return smallest > error ? Kind.MINIMUM : Kind.VALLEY;
        }
        if (falls) {
            return largest < -error ? Kind.MAXIMUM : Kind.RIDGE;
        }
        return Kind.FLAT;
    }

    @Override
    public String toString() {
        String level = String.format(Locale.ROOT, "%s: gradient norm %.3g", kind.words, gradientNorm);
        return (kind == Kind.SLOPE ? level
            : level + String.format(Locale.ROOT, ", curvature from %.4g to %.4g (±%.1g)", smallest, largest, error))
            + "; " + kind.advice;
    }
}
