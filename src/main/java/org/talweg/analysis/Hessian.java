package org.talweg.analysis;

import java.util.Arrays;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;

/**
 * The matrix of second derivatives at a point, known by its products with vectors:
 * H v ≈ (∇f(x + h v) − ∇f(x − h v)) / 2h with h = ∛ε (1 + ‖x‖) / ‖v‖, ε being the precision of the gradient. That is
 * exact to about ε^⅔: ten digits in double, four in float32. Across a kink of ReLU it is the curvature seen at the
 * distance of the step.
 */
public final class Hessian {
    private static final int LARGEST_MATRIX = 4096;

    private final Objective objective;
    private final double[] point;

    public Hessian(Objective objective, double[] point) {
        if (point.length != objective.dimensions()) {
            throw new IllegalArgumentException("a point of " + point.length + " values for a function of "
                + objective.dimensions());
        }
        this.objective = objective;
        this.point = point.clone();
    }

    public int dimensions() {
        return point.length;
    }

    /** Relative error to expect of a product. */
    public double accuracy() {
        return Math.pow(objective.precision(), 2.0 / 3);
    }

    /** H v. */
    public double[] times(double[] v) {
        double length = Vectors.norm(v);
        if (length == 0) {
            return new double[v.length];
        }
        double step = Math.cbrt(objective.precision()) * (1 + Vectors.norm(point)) / length;
        double[] above = objective.gradient(Vectors.plus(point, step, v));
        double[] below = objective.gradient(Vectors.plus(point, -step, v));
        double[] product = new double[v.length];
        for (int i = 0; i < v.length; i++) {
            product[i] = (above[i] - below[i]) / (2 * step);
        }
        return product;
    }

    /**
     * The whole matrix, one product a column, made symmetric.
     *
     * @throws IllegalArgumentException for more than {@value #LARGEST_MATRIX} dimensions
     */
    public double[][] matrix() {
        int n = dimensions();
        if (n > LARGEST_MATRIX) {
            throw new IllegalArgumentException("a whole Hessian of " + n + " dimensions takes " + 2 * n
                + " gradients and " + 8L * n * n + " bytes; use extremes() above " + LARGEST_MATRIX);
        }
        double[][] columns = new double[n][];
        double[] unit = new double[n];
        for (int i = 0; i < n; i++) {
            unit[i] = 1;
            columns[i] = times(unit);
            unit[i] = 0;
        }
        double[][] matrix = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                matrix[i][j] = (columns[i][j] + columns[j][i]) / 2;
            }
        }
        return matrix;
    }

    /** All eigenvalues of {@link #matrix}, the smallest first. */
    public double[] eigenvalues() {
        DMatrixRMaj matrix = new DMatrixRMaj(matrix());
        EigenDecomposition_F64<DMatrixRMaj> decomposition =
            DecompositionFactory_DDRM.eig(matrix.numRows, false, true);
        if (!decomposition.decompose(matrix)) {
            throw new ArithmeticException("the Hessian has no eigenvalues: it is not finite");
        }
        double[] values = new double[matrix.numRows];
        for (int i = 0; i < values.length; i++) {
            values[i] = decomposition.getEigenvalue(i).real;
        }
        Arrays.sort(values);
        return values;
    }

    /** The smallest and the largest eigenvalue, by {@link Lanczos}. */
    public Lanczos.Extremes extremes() {
        return Lanczos.extremes(dimensions(), this::times, Math.max(accuracy(), 1e-6));
    }
}
