package org.talweg.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;

/**
 * The directions in which a trajectory moved most: principal components of its points less the last one, Li et al. 2018,
 * section 7. They come from the small matrix of dot products between the points, so that no matrix as large as the
 * parameters squared is ever made. The entry of largest magnitude of each component is positive.
 *
 * @param components              unit vectors in the layout of the model's parameters
 * @param singularValues          of the matrix of points, largest first
 * @param explainedVarianceRatios share of each singular value squared
 */
public record PrincipalDirections(List<double[]> components, double[] singularValues,
                                  double[] explainedVarianceRatios) {
    private static final double NEGLIGIBLE = 1e-6;

    /**
     * @param count   of components
     * @param centred whether the mean of the points is subtracted first, which makes it a principal component analysis in
     *                the usual sense; without, directions tell where the start lay as seen from the end
     * @throws IllegalArgumentException if the trajectory moved in fewer directions
     */
    public static PrincipalDirections of(Trajectory trajectory, int count, boolean centred) {
        int n = trajectory.size();
        double[][] rows = rows(trajectory, centred);
        DMatrixRMaj products = new DMatrixRMaj(n, n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double product = Vectors.dot(rows[i], rows[j]);
                products.set(i, j, product);
                products.set(j, i, product);
            }
        }
        EigenDecomposition_F64<DMatrixRMaj> decomposition = DecompositionFactory_DDRM.eig(n, true, true);
        if (!decomposition.decompose(products)) {
            throw new IllegalArgumentException("the trajectory holds values that are not finite");
        }
        int[] order = IntStream.range(0, n).boxed().sorted(Comparator.comparingDouble(
            i -> -decomposition.getEigenvalue(i).real)).mapToInt(i -> i).toArray();
        double[] values = Arrays.stream(order)
            .mapToDouble(i -> Math.sqrt(Math.max(0, decomposition.getEigenvalue(i).real))).toArray();
        double total = Vectors.dot(values, values);
        List<double[]> components = new ArrayList<>();
        for (int k = 0; k < count; k++) {
            if (k >= n || !(values[k] > NEGLIGIBLE * values[0])) {
                throw new IllegalArgumentException("a trajectory of " + n + " points moved in " + k + " directions, and "
                    + count + " are needed; record more points, or look along random directions");
            }
            components.add(component(rows, decomposition.getEigenVector(order[k]), values[k]));
        }
        return new PrincipalDirections(List.copyOf(components), values,
            Arrays.stream(values).map(value -> value * value / total).toArray());
    }

    private static double[][] rows(Trajectory trajectory, boolean centred) {
        double[][] rows = new double[trajectory.size()][];
        double[] mean = new double[trajectory.last().length];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = trajectory.offset(i, trajectory.last());
            mean = Vectors.plus(mean, 1.0 / rows.length, rows[i]);
        }
        if (centred) {
            for (int i = 0; i < rows.length; i++) {
                rows[i] = Vectors.plus(rows[i], -1, mean);
            }
        }
        return rows;
    }

    /** Rᵀu / σ, with the sign that the convention wants. */
    private static double[] component(double[][] rows, DMatrixRMaj u, double singularValue) {
        double[] component = new double[rows[0].length];
        for (int i = 0; i < rows.length; i++) {
            component = Vectors.plus(component, u.get(i) / singularValue, rows[i]);
        }
        double largest = 0;
        for (double value : component) {
            largest = Math.abs(value) > Math.abs(largest) ? value : largest;
        }
        return largest < 0 ? Vectors.times(-1, component) : component;
    }

    /** Component {@code k}, from 0, labelled with its share of the variance. */
    public Direction direction(int k) {
        return new Direction(String.format(Locale.ROOT, "principal component %d (%.1f %% of the variance)", k + 1,
            100 * explainedVarianceRatios[k]), Vectors.narrow(components.get(k)));
    }
}
