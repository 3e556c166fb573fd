package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.talweg.nn.ClassLoss;
import org.talweg.nn.Losses;
import org.talweg.nn.Reduction;
import org.talweg.tape.Loss;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.TestDevice;

/** Losses and their gradients against libtorch's, as a user asks for them, with every reduction. */
class GoldenLossTest {
    /**
     * Cosine embedding compares two predictions with each other, and losses here have one. Logistic regression is a
     * model, in LogisticRegressionTest.
     */
    private static final Set<String> OUT_OF_SCOPE = Set.of("cosine_embedding_loss", "logistic_regression");

    @OnEveryDevice
    void losses(TestDevice on) {
        List<Case> cases = Golden.cases("losses.json").stream().filter(c -> !OUT_OF_SCOPE.contains(c.op())).toList();
        assertEquals(97, cases.size(), "cases");
        for (Case c : cases) {
            if (c.op().equals("cross_entropy_loss") || c.op().equals("nll_loss")) {
                checkClasses(on, c);
            } else {
                checkElements(on, c);
            }
        }
    }

    private static Reduction reduction(Case c) {
        return switch (c.text("reduction")) {
            case "mean" -> Reduction.MEAN;
            case "batchmean" -> Reduction.BATCH_MEAN;
            default -> Reduction.SUM;
        };
    }

    private static void checkClasses(TestDevice on, Case c) {
        int[] shape = c.shape("input");
        int classes = shape[1];
        int positions = 1;
        for (int i = 2; i < shape.length; i++) {
            positions *= shape[i];
        }
        int batch = shape[0] * positions;
        ClassLoss loss = (c.op().equals("nll_loss") ? Losses.nll() : Losses.softmaxCrossEntropy())
            .labelSmoothing(c.number("label_smoothing", 0)).reduction(reduction(c));
        if (c.hasInput("weight")) {
            loss = loss.classWeights(c.floats("weight"));
        }
        if (c.isFloat("target")) {
            loss = loss.probabilities();
        } else if (Arrays.stream(c.ints("target")).anyMatch(label -> label == (int) c.number("ignore_index", 0))) {
            loss = loss.ignoreIndex((int) c.number("ignore_index", 0));
        }
        boolean reduced = !c.text("reduction").equals("none");
        Result result = run(on, loss, c.isFloat("target") ? c.floats("target") : c.ints("target"),
            classesLast(c.floats("input"), shape[0], classes, positions), batch, classes, reduced ? batch : 1);
        if (!reduced) {
            result.multiply(c.floats("grad_out"), classes);
        }
        result.expect(on, c, reduced, classesFirst(result.gradient, shape[0], classes, positions));
    }

    /** (batch, class, position) to rows (batch, position) of classes. */
    private static float[] classesLast(float[] values, int batch, int classes, int positions) {
        return classesFirst(values, batch, positions, classes);
    }

    /** Exchanges the last two of (batch, b, a), giving (batch, a, b). */
    private static float[] classesFirst(float[] values, int batch, int a, int b) {
        float[] result = new float[values.length];
        for (int i = 0; i < batch; i++) {
            for (int j = 0; j < a; j++) {
                for (int k = 0; k < b; k++) {
                    result[(i * a + j) * b + k] = values[(i * b + k) * a + j];
                }
            }
        }
        return result;
    }

    private static void checkElements(TestDevice on, Case c) {
        float[] input = c.floats("input");
        int columns = c.shape("input").length == 2 ? c.shape("input")[1] : 1;
        int batch = input.length / columns;
        boolean weighted = c.hasInput("weight");
        float[] positive = c.hasInput("pos_weight") ? c.floats("pos_weight") : new float[0];
        if (!c.text("reduction").equals("none")) {
            // libtorch's weight is of an element, ours of a column: all elements in one row.
            boolean flat = weighted;
            Result result = run(on, elementwise(c, flat ? tiled(positive, batch) : positive,
                    weighted ? c.floats("weight") : new float[0]), c.floats("target"), input, flat ? 1 : batch,
                flat ? batch * columns : columns, flat ? 1 : batch);
            result.expect(on, c, true, result.gradient);
            return;
        }
        // Without reduction libtorch has a loss for each element; here that is a row of one column.
        Result all = new Result(new float[input.length], new float[input.length]);
        for (int i = 0; i < input.length; i++) {
            boolean own = weighted || positive.length > 0;
            int to = own ? i + 1 : input.length;
            float[] weight = weighted ? new float[] {c.floats("weight")[i]} : new float[0];
            float[] more = positive.length > 0 ? new float[] {positive[i % columns]} : positive;
            Result part = run(on, elementwise(c, more, weight), Arrays.copyOfRange(c.floats("target"), i, to),
                Arrays.copyOfRange(input, i, to), to - i, 1, 1);
            System.arraycopy(part.losses, 0, all.losses, i, to - i);
            System.arraycopy(part.gradient, 0, all.gradient, i, to - i);
            i = to - 1;
        }
        all.multiply(c.floats("grad_out"), 1);
        all.expect(on, c, false, all.gradient);
    }

    private static float[] tiled(float[] values, int times) {
        float[] result = new float[values.length * times];
        for (int i = 0; i < result.length; i++) {
            result[i] = values[i % values.length];
        }
        return result;
    }

    private static Loss elementwise(Case c, float[] positive, float[] weights) {
        return (switch (c.op()) {
            case "mse_loss" -> Losses.squaredError();
            case "l1_loss" -> Losses.absoluteError();
            case "smooth_l1_loss" -> Losses.smoothL1(c.number("beta", 1));
            case "huber_loss" -> Losses.huber(c.number("delta", 1));
            case "kl_div" -> Losses.klDivergence(c.flag("log_target"));
            case "binary_cross_entropy_with_logits" -> Losses.binaryCrossEntropyWithLogits(positive);
            case "binary_cross_entropy" -> Losses.binaryCrossEntropyOnProbabilities();
            case "hinge_embedding_loss" -> Losses.hingeEmbedding(c.number("margin", 1));
            case "poisson_nll_loss" -> Losses.poisson(c.flag("log_input"), c.flag("full"));
            default -> throw new IllegalArgumentException("loss " + c.op() + " of case " + c);
        }).reduction(reduction(c)).weights(weights);
    }

    private record Result(float[] losses, float[] gradient) {

        /** By the upstream gradient of each row. */
        void multiply(float[] upstream, int columns) {
            for (int i = 0; i < gradient.length; i++) {
                gradient[i] *= upstream[i / columns];
            }
        }

        void expect(TestDevice on, Case c, boolean reduced, float[] inOrder) {
            double sum = 0;
            for (float loss : losses) {
                sum += loss;
            }
            Golden.expectClose(on + ", " + c + ", loss", c.expected("out"),
                reduced ? new float[] {(float) (sum / losses.length)} : losses);
            Golden.expectClose(on + ", " + c + ", gradient", c.expected("grad_input"), inOrder);
        }
    }

    /** @param target int[] or float[] */
    private static Result run(TestDevice on, Loss loss, Object target, float[] prediction, int batch, int columns,
                              int count) {
        Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
            Shape row = Shape.of(columns);
            Tensor p = memory.input(prediction, batch, columns);
            Tensor t = target instanceof int[] labels ? memory.input(labels, loss.targetRow(row).batch(batch).toArray())
                : memory.input((float[]) target, loss.targetRow(row).batch(batch).toArray());
            float[] constants = loss.constants(row);
            Tensor own = constants.length == 0 ? null : memory.state(constants, constants.length);
            Map<String, Tensor> written = new HashMap<>();
            written.put("losses", memory.output(batch));
            written.put("gradient", memory.output(batch, columns));
            loss.prepare(ops, t, null, count, own);
            loss.apply(ops, p, t, null, count, own, written.get("losses"), null, written.get("gradient"));
            return written;
        });
        return new Result(Sandbox.floats(results.get("losses")), Sandbox.floats(results.get("gradient")));
    }
}
