package org.talweg.analysis;

import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.NormOps_DDRM;
import org.ejml.dense.row.decomposition.TriangularSolver_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.QRDecomposition;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Dense;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.optim.Optimizers;
import org.talweg.tape.Loss;
import org.talweg.train.Trainer;

/**
 * y ≈ w·x + b, of the smallest mean squared error plus λ‖w‖²; the intercept b is not penalised. One of the few models
 * with a formula for its optimum, so that descent can be seen to arrive at it. Everything is computed on features and
 * target without their means, which separates the intercept: b = ȳ − w·x̄.
 *
 * @param weights          one per feature
 * @param meanSquaredError over the rows it was fitted to, without the penalty
 */
public record LinearRegression(double[] weights, double intercept, double meanSquaredError) {
    /** A column whose part that is independent of the columns before it is smaller than this depends on them. */
    private static final double DEPENDENT = 1e-10;

    /** {@link #ridge} without a penalty. */
    public static LinearRegression leastSquares(Dataset data) {
        return ridge(data, 0);
    }

    /**
     * The formula: w = (XᵀX + nλI)⁻¹ Xᵀy, Hoerl and Kennard 1970, computed as the least squares of X over √(nλ)·I by
     * Householder's QR decomposition, which does not square the condition number as the normal equations do.
     *
     * @param lambda at least 0; a penalty on the mean squared error, not on the sum
     * @throws IllegalArgumentException if λ is negative, if targets are no single number, or if features depend on each
     *                                  other linearly and no λ decides between them
     */
    public static LinearRegression ridge(Dataset data, double lambda) {
        if (!(lambda >= 0 && Double.isFinite(lambda))) {
            throw new IllegalArgumentException("a ridge of " + lambda + "; it must be at least 0");
        }
        Centred centred = new Centred(data);
        int n = data.columns();
        if (lambda == 0 && data.rows() <= n) {
            throw new IllegalArgumentException(data.name() + " has " + data.rows() + " rows for " + n
                + " features and an intercept; that has no single answer: give more rows, or a ridge above 0");
        }
        DMatrixRMaj left = new DMatrixRMaj(data.rows() + n, n);
        DMatrixRMaj right = new DMatrixRMaj(data.rows() + n, 1);
        CommonOps_DDRM.insert(centred.x, left, 0, 0);
        CommonOps_DDRM.insert(centred.y, right, 0, 0);
        for (int i = 0; i < n; i++) {
            left.set(data.rows() + i, i, Math.sqrt(data.rows() * lambda));
        }
        return centred.result(leastSquares(data, left, right));
    }

    private static double[] leastSquares(Dataset data, DMatrixRMaj left, DMatrixRMaj right) {
        int n = left.numCols;
        double[] lengths = new double[n];
        for (int i = 0; i < n; i++) {
            lengths[i] = NormOps_DDRM.normF(CommonOps_DDRM.extractColumn(left, i, null));
        }
        QRDecomposition<DMatrixRMaj> qr = DecompositionFactory_DDRM.qr(left.numRows, n);
        qr.decompose(left.copy());
        DMatrixRMaj r = qr.getR(null, true);
        for (int i = 0; i < n; i++) {
            if (!(Math.abs(r.get(i, i)) > DEPENDENT * lengths[i])) {
                throw new IllegalArgumentException("feature '" + data.featureNames().get(i) + "' of " + data.name()
                    + " is constant or follows from those before it, so that there is no single answer; remove it, or "
                    + "take a larger ridge");
            }
        }
        DMatrixRMaj projected = new DMatrixRMaj(n, 1);
        CommonOps_DDRM.multTransA(qr.getQ(null, true), right, projected);
        TriangularSolver_DDRM.solveU(r.data, projected.data, n);
        return projected.data;
    }

    /**
     * The same by gradient descent over all rows at once, with Polyak's heavy ball: from the curvature's extremes μ and
     * L follow the rate 4 / (√L + √μ)² and the momentum ((√L − √μ) / (√L + √μ))², the best for a quadratic loss
     * (Polyak 1964). The number of steps that a digit takes grows with √(L/μ), which scaling the features lowers.
     *
     * @throws IllegalArgumentException if targets are no single number
     */
    public static LinearRegression descend(Dataset data, double lambda, int steps, Device device) {
        Centred centred = new Centred(data);
        Dataset shifted = centred.dataset();
        Loss loss = Losses.squaredError();
        try (Model model = Sequential.builder(data.inputShape()).layer(new Dense(1, Activation.IDENTITY, false))
            .build(device)) {
            model.setParameter("dense_1.weight", new float[data.columns()]);
            Lanczos.Extremes curvature;
            try (ModelObjective objective = ModelObjective.inDouble(model, loss, shifted)) {
                curvature = new Hessian(objective, objective.start()).extremes();
            }
            double large = Math.sqrt(curvature.largest() + 2 * lambda);
            double small = Math.sqrt(Math.max(0, curvature.smallest()) + 2 * lambda);
            Trainer.builder(model).loss(loss)
                .optimizer(Optimizers.sgd().learningRate((float) (4 / Math.pow(large + small, 2)))
                    .momentum((float) Math.pow((large - small) / (large + small), 2)).weightDecay((float) (2 * lambda)))
                .build().fit(DataLoader.of(shifted, data.rows()), steps);
            return centred.result(Vectors.widen(model.parameterValues("dense_1.weight")));
        }
    }

    /** The largest difference of a weight or the intercept, relative to the largest weight or intercept. */
    public double distance(LinearRegression other) {
        double largest = Math.abs(intercept);
        double difference = Math.abs(intercept - other.intercept);
        for (int i = 0; i < weights.length; i++) {
            largest = Math.max(largest, Math.abs(weights[i]));
            difference = Math.max(difference, Math.abs(weights[i] - other.weights[i]));
        }
        return difference / largest;
    }

    /** Features and target less their means. */
    private static final class Centred {
        private final Dataset data;
        private final DMatrixRMaj x;
        private final DMatrixRMaj y;
        private final double[] means;
        private double targetMean;

        Centred(Dataset data) {
            if (data.isClassification() || data.targetNames().size() != 1) {
                throw new IllegalArgumentException(data.name() + " has " + (data.isClassification()
                    ? "the classes " + data.classNames() : "the targets " + data.targetNames())
                    + "; linear regression predicts one number");
            }
            this.data = data;
            x = new DMatrixRMaj(data.rows(), data.columns());
            y = new DMatrixRMaj(data.rows(), 1);
            means = new double[data.columns()];
            float[] features = data.features();
            for (int row = 0; row < data.rows(); row++) {
                targetMean += data.targets()[row] / (double) data.rows();
                for (int column = 0; column < means.length; column++) {
                    means[column] += features[row * means.length + column] / (double) data.rows();
                }
            }
            for (int row = 0; row < data.rows(); row++) {
                y.set(row, 0, data.targets()[row] - targetMean);
                for (int column = 0; column < means.length; column++) {
                    x.set(row, column, features[row * means.length + column] - means[column]);
                }
            }
        }

        LinearRegression result(double[] weights) {
            DMatrixRMaj residual = y.copy();
            CommonOps_DDRM.multAdd(-1, x, new DMatrixRMaj(weights.length, 1, true, weights), residual);
            double squares = 0;
            for (double value : residual.data) {
                squares += value * value;
            }
            return new LinearRegression(weights, targetMean - Vectors.dot(weights, means), squares / data.rows());
        }

        Dataset dataset() {
            return Dataset.regression(data.name(), data.featureNames(), Vectors.narrow(x.data), data.targetNames(),
                Vectors.narrow(y.data));
        }
    }
}
