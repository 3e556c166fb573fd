package org.talweg.analysis;

import java.util.function.ToDoubleFunction;
import java.util.function.UnaryOperator;

/** A number that depends on a vector, with its gradient: what curvature and gradient checks are asked of. */
public interface Objective {

    int dimensions();

    double value(double[] point);

    double[] gradient(double[] point);

    /** Spacing of the floating-point numbers it computes with at 1: widths of difference steps follow from it. */
    default double precision() {
        return Math.ulp(1.0);
    }

    /** What dimension {@code index} is called in messages. */
    default String nameOf(int index) {
        return "x[" + index + "]";
    }

    /** A function given by formulas. */
    static Objective of(int dimensions, ToDoubleFunction<double[]> value, UnaryOperator<double[]> gradient) {
        return new Objective() {
            @Override
            public int dimensions() {
                return dimensions;
            }

            @Override
            public double value(double[] point) {
                return value.applyAsDouble(point);
            }

            @Override
            public double[] gradient(double[] point) {
                return gradient.apply(point);
            }
        };
    }
}
