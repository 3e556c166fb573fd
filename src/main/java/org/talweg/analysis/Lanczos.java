package org.talweg.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;

/**
 * Extreme eigenvalues of a symmetric matrix that is known by its products with vectors alone. Each step projects the
 * matrix on one more Krylov vector, and the eigenvalues of the small tridiagonal projection approach the extreme ones
 * from inside. Lanczos 1950; every new vector is made orthogonal to all before it, twice, without which rounding gives
 * false copies of eigenvalues (Parlett, The Symmetric Eigenvalue Problem, chapter 13).
 */
public final class Lanczos {
    /** Most products; a matrix that needs more has its extremes crowded, and then they are close anyway. */
    private static final int MOST_PRODUCTS = 200;
    /** Doubles that the Krylov vectors may take together. */
    private static final long MOST_MEMORY = 1L << 27;
    private static final int FIRST_LOOK = 4;

    private Lanczos() {
    }

    /**
     * Both ends of the spectrum.
     *
     * @param smallestVector unit vector along which the curvature is {@code smallest}
     * @param error          bound on the error of both eigenvalues, ‖A v − λ v‖
     * @param products       products with the matrix that it took
     */
    public record Extremes(double smallest, double largest, double[] smallestVector, double[] largestVector,
                           double error, int products) {
    }

    /**
     * @param tolerance stops when the error of both is below so much of the larger magnitude
     * @throws ArithmeticException if a product is not finite
     */
    public static Extremes extremes(int dimensions, UnaryOperator<double[]> product, double tolerance) {
        int most = (int) Math.min(Math.min(dimensions, MOST_PRODUCTS), Math.max(2, MOST_MEMORY / dimensions));
        List<double[]> basis = new ArrayList<>();
        double[] diagonal = new double[most];
        double[] below = new double[most];
        double[] next = start(dimensions);
        for (int k = 0; k < most; k++) {
            basis.add(next);
            double[] image = product.apply(next);
            diagonal[k] = Vectors.dot(image, next);
            if (!Double.isFinite(diagonal[k])) {
                throw new ArithmeticException("product number " + (k + 1) + " with the matrix is not finite");
            }
            for (int pass = 0; pass < 2; pass++) {
                for (double[] vector : basis) {
                    image = Vectors.plus(image, -Vectors.dot(image, vector), vector);
                }
            }
            below[k] = Vectors.norm(image);
            boolean last = k + 1 == most;
            if (last || k + 1 >= FIRST_LOOK && k % 2 == 0 || below[k] == 0) {
                Extremes found = ritz(basis, diagonal, below);
                double size = Math.max(Math.abs(found.smallest), Math.abs(found.largest));
                if (last || found.error <= tolerance * size) {
                    return found;
                }
            }
            next = Vectors.times(1 / below[k], image);
        }
        throw new IllegalArgumentException("a matrix of " + dimensions + " dimensions");
    }

    private static double[] start(int dimensions) {
        SplittableRandom random = new SplittableRandom(1);
        double[] vector = new double[dimensions];
        for (int i = 0; i < dimensions; i++) {
            vector[i] = random.nextDouble() - 0.5;
        }
        return Vectors.times(1 / Vectors.norm(vector), vector);
    }

    private static Extremes ritz(List<double[]> basis, double[] diagonal, double[] below) {
        int k = basis.size();
        DMatrixRMaj projection = new DMatrixRMaj(k, k);
        for (int i = 0; i < k; i++) {
            projection.set(i, i, diagonal[i]);
            if (i + 1 < k) {
                projection.set(i, i + 1, below[i]);
                projection.set(i + 1, i, below[i]);
            }
        }
        EigenDecomposition_F64<DMatrixRMaj> decomposition = DecompositionFactory_DDRM.eig(k, true, true);
        if (!decomposition.decompose(projection)) {
            throw new ArithmeticException("no eigenvalues of the tridiagonal projection of " + k + " steps");
        }
        int smallest = 0;
        int largest = 0;
        for (int i = 1; i < k; i++) {
            double value = decomposition.getEigenvalue(i).real;
            smallest = value < decomposition.getEigenvalue(smallest).real ? i : smallest;
            largest = value > decomposition.getEigenvalue(largest).real ? i : largest;
        }
        // A complete basis leaves no residual but rounding.
        double beyond = k == basis.get(0).length ? 0 : below[k - 1];
        double error = beyond * Math.max(Math.abs(decomposition.getEigenVector(smallest).get(k - 1)),
            Math.abs(decomposition.getEigenVector(largest).get(k - 1)));
        return new Extremes(decomposition.getEigenvalue(smallest).real, decomposition.getEigenvalue(largest).real,
            combine(basis, decomposition.getEigenVector(smallest)), combine(basis, decomposition.getEigenVector(largest)),
            error, k);
    }

    private static double[] combine(List<double[]> basis, DMatrixRMaj coefficients) {
        double[] vector = new double[basis.get(0).length];
        for (int i = 0; i < basis.size(); i++) {
            vector = Vectors.plus(vector, coefficients.get(i), basis.get(i));
        }
        return vector;
    }
}
