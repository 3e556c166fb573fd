package org.talweg.analysis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;
import org.talweg.testing.Golden;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.TestDevice;
import org.talweg.train.EpochMetrics;
import org.talweg.train.Trainer;

/** The formula, descent and libtorch agree. */
class LinearRegressionTest {
    private static final Golden.Case GOLDEN = Golden.cases("closed_form.json").get(0);

    private static Dataset golden() {
        return Dataset.regression("golden", List.of("a", "b", "c", "d"), GOLDEN.floats("X"), List.of("y"),
            GOLDEN.floats("y"));
    }

    private static void expectClose(String result, LinearRegression actual) {
        double[] expected = GOLDEN.expected(result);
        assertEquals(expected[0], actual.intercept(), 1e-12, result);
        assertArrayEquals(Arrays.copyOfRange(expected, 1, 5), actual.weights(), 1e-12, result);
    }

    @Test
    void goldenFormulas() {
        LinearRegression least = LinearRegression.leastSquares(golden());
        expectClose("normal_equations_intercept_first", least);
        assertEquals(GOLDEN.expected("mse_at_solution")[0], least.meanSquaredError(), 1e-14);
        expectClose("normal_equations_intercept_first", LinearRegression.ridge(golden(), 0));
        expectClose("ridge_intercept_first",
            LinearRegression.ridge(golden(), GOLDEN.params().get("ridge_lambda").asDouble()));
    }

    /** A hundred plain steps, their losses, and the Hessian of a linear model. */
    @OnEveryDevice
    void goldenDescent(TestDevice on) {
        try (Model model = Sequential.builder(golden().inputShape()).dense(1).build(on.device())) {
            model.setParameter("dense_1.weight", 0, 0, 0, 0);
            try (ModelObjective objective = ModelObjective.inDouble(model, Losses.squaredError(), golden())) {
                double[] eigenvalues = new Hessian(objective, objective.start()).eigenvalues();
                assertArrayEquals(GOLDEN.expected("hessian_eigenvalues_ascending"), eigenvalues, 1e-8);
                double[] gradient = objective.gradient(objective.start());
                double[] expected = GOLDEN.expected("mse_gradient_at_zero");
                assertArrayEquals(Arrays.copyOfRange(expected, 1, 5), Arrays.copyOf(gradient, 4), 1e-12);
                assertEquals(expected[0], gradient[4], 1e-12);
                assertEquals(GOLDEN.expected("mse_at_zero")[0], objective.value(objective.start()), 1e-12);
            }
            List<EpochMetrics> history = Trainer.builder(model).loss(Losses.squaredError())
                .optimizer(Optimizers.sgd().learningRate(0.125f)).build().fit(DataLoader.of(golden(), 30), 100).history();
            float[] losses = new float[100];
            for (int i = 0; i < 100; i++) {
                losses[i] = (float) history.get(i).loss();
            }
            Golden.expectClose(on + ", loss", GOLDEN.expected("gradient_descent_lr_0.125_mse_before_step"), losses);
            float[] weights = model.parameterValues("dense_1.weight");
            Golden.expectClose(on + ", parameters", GOLDEN.expected("gradient_descent_lr_0.125_after_100"),
                new float[] {model.parameterValues("dense_1.bias")[0], weights[0], weights[1], weights[2], weights[3]});
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.01, 0.1, 10})
    void descentArrivesWhereTheFormulaSays(double lambda) {
        Dataset diabetes = Datasets.builtIn("diabetes");
        Dataset data = Scaler.standard().fit(diabetes).apply(diabetes);
        LinearRegression formula = lambda == 0 ? LinearRegression.leastSquares(data)
            : LinearRegression.ridge(data, lambda);
        try (Device device = Devices.open("cpu")) {
            LinearRegression descent = LinearRegression.descend(data, lambda, 1000, device);
            double distance = formula.distance(descent);
            assertTrue(distance < 1e-4, "λ = " + lambda + ": " + distance);
            assertEquals(formula.meanSquaredError(), descent.meanSquaredError(), 1e-6 * formula.meanSquaredError());
        }
    }

    /** A ridge makes the weights smaller and the fit worse. */
    @Test
    void ridgeShrinks() {
        Dataset diabetes = Datasets.builtIn("diabetes");
        Dataset data = Scaler.standard().fit(diabetes).apply(diabetes);
        double norm = Double.POSITIVE_INFINITY;
        double error = 0;
        for (double lambda : new double[] {0, 0.01, 1, 100}) {
            LinearRegression ridge = LinearRegression.ridge(data, lambda);
            assertTrue(Vectors.norm(ridge.weights()) < norm && ridge.meanSquaredError() > error, "λ = " + lambda);
            norm = Vectors.norm(ridge.weights());
            error = ridge.meanSquaredError();
        }
    }

    @Test
    void whatHasNoSingleAnswerIsRefused() {
        Dataset twice = Dataset.regression("twice", List.of("a", "b"), new float[] {1, 2, 2, 4, 3, 6, 5, 10},
            List.of("y"), new float[] {1, 2, 3, 4});
        expectRefused("feature 'b' of twice", () -> LinearRegression.leastSquares(twice));
        expectRefused("larger ridge", () -> LinearRegression.ridge(twice, 0));
        assertEquals(2, LinearRegression.ridge(twice, 0.1).weights().length);
        Dataset constant = Dataset.regression("constant", List.of("a"), new float[] {3, 3, 3}, List.of("y"),
            new float[] {1, 2, 3});
        expectRefused("'a' of constant is constant", () -> LinearRegression.leastSquares(constant));
        expectRefused("4 rows for 10", () -> LinearRegression.leastSquares(Datasets.builtIn("diabetes").select(0, 1, 2, 3)));
        expectRefused("classes", () -> LinearRegression.leastSquares(Datasets.builtIn("iris")));
        expectRefused("-1", () -> LinearRegression.ridge(golden(), -1));
    }

    private static void expectRefused(String part, Runnable call) {
        String message = assertThrows(IllegalArgumentException.class, call::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
