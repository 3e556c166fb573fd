package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.nn.Losses;
import org.talweg.tape.Loss;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.TestDevice;

/**
 * Logistic regression: a dense layer of one unit and binary cross-entropy. Their kernels together give the gradient
 * that calculus gives, (1/n) Xᵀ (σ(X w + b) − y) for w and the mean of σ(X w + b) − y for b.
 */
class LogisticRegressionTest {

    @OnEveryDevice
    void gradientIsTheFormula(TestDevice on) {
        Draw draw = new Draw(91);
        for (int[] shape : draw.shapes(2, 12, 10_000)) {
            int n = shape[0];
            int features = shape[1];
            float[] x = draw.reals(n * features, 2);
            float[] w = draw.reals(features, 1);
            float[] b = draw.reals(1, 1);
            float[] y = new float[n];
            for (int i = 0; i < n; i++) {
                y[i] = draw.below(2);
            }
            double[] weightGradient = new double[features];
            double biasGradient = 0;
            double size = 0;
            for (int i = 0; i < n; i++) {
                double z = b[0];
                for (int j = 0; j < features; j++) {
                    z += (double) x[i * features + j] * w[j];
                }
                double residual = 1 / (1 + Math.exp(-z)) - y[i];
                for (int j = 0; j < features; j++) {
                    weightGradient[j] += x[i * features + j] * residual / n;
                }
                biasGradient += residual / n;
                size += 2 * Math.abs(residual) / n;
            }
            Map<String, int[]> results = run(on, x, y, w, b, n, features);
            // The rounding of z, a sum of products, goes into σ; that of the sum over rows comes on top.
            double bound = 0x1p-24 * (8 + 2 * features + 2 * Math.sqrt(n)) * (1 + size);
            float[] actual = Sandbox.floats(results.get("grad_w"));
            for (int j = 0; j < features; j++) {
                assertEquals(weightGradient[j], actual[j], bound, on + ", " + n + "×" + features + ", weight " + j);
            }
            assertEquals(biasGradient, Sandbox.floats(results.get("grad_b"))[0], bound,
                on + ", " + n + "×" + features + ", bias");
        }
    }

    @OnEveryDevice
    void goldenValues(TestDevice on) {
        List<Case> cases = Golden.cases("losses.json").stream().filter(c -> c.op().equals("logistic_regression"))
            .toList();
        assertEquals(1, cases.size(), "cases of logistic regression");
        for (Case c : cases) {
            int n = c.shape("X")[0];
            Map<String, int[]> results = run(on, c.floats("X"), c.floats("y"), c.floats("w"), c.floats("b"), n,
                c.shape("X")[1]);
            double sum = 0;
            for (float loss : Sandbox.floats(results.get("losses"))) {
                sum += loss;
            }
            Golden.expectClose(on + ", loss", c.expected("out"), new float[] {(float) (sum / n)});
            Golden.expectClose(on + ", grad_w", c.expected("grad_w"), Sandbox.floats(results.get("grad_w")));
            Golden.expectClose(on + ", grad_b", c.expected("grad_b"), Sandbox.floats(results.get("grad_b")));
        }
    }

    private static Map<String, int[]> run(TestDevice on, float[] x, float[] y, float[] w, float[] b, int n,
                                          int features) {
        Loss loss = Losses.binaryCrossEntropyWithLogits();
        return Sandbox.run(on.device(), (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("losses", memory.output(n));
            written.put("grad_w", memory.output(1, features));
            written.put("grad_b", memory.output(1));
            Tensor z = memory.output(n, 1);
            Tensor rows = memory.input(x, n, features);
            int scratch = (int) ops.dense().workspace(new DenseShape(n, 1, features));
            ops.dense().forward(rows, null, memory.input(w, 1, features), memory.input(b, 1), Activation.IDENTITY, null,
                z);
            loss.apply(ops, z, memory.input(y, n, 1), null, n, null, written.get("losses"), null, z);
            ops.dense().backwardWeights(rows, null, z, false, written.get("grad_w"), written.get("grad_b"), null,
                scratch == 0 ? null : memory.output(scratch));
            return written;
        });
    }
}
