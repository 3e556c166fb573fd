package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Golden;
import org.talweg.testing.Golden.Case;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.TestDevice;

/** Losses and their gradients against libtorch's, for what the contract has: no weights, smoothing or ignored index. */
class GoldenLossTest {
    private static final Set<String> OPS = Set.of("mse_loss", "cross_entropy_loss", "binary_cross_entropy_with_logits");

    private static boolean supported(Case c) {
        if (!OPS.contains(c.op()) || c.hasInput("weight") || c.hasInput("pos_weight")) {
            return false;
        }
        return !c.op().equals("cross_entropy_loss") || c.number("label_smoothing", 0) == 0 && !c.isFloat("target")
            && c.shape("input").length == 2 && Arrays.stream(c.ints("target")).allMatch(label -> label >= 0);
    }

    @OnEveryDevice
    void losses(TestDevice on) {
        List<Case> cases = Golden.cases("losses.json").stream().filter(GoldenLossTest::supported).toList();
        assertEquals(12, cases.size(), "cases of supported losses: " + cases);
        for (Case c : cases) {
            check(on, c);
        }
    }

    private static void check(TestDevice on, Case c) {
        boolean labelled = c.op().equals("cross_entropy_loss");
        String reduction = c.text("reduction");
        // Without reduction libtorch has a loss for each element; here that is a row of one column.
        boolean elements = reduction.equals("none") && !labelled;
        int batch = elements ? c.floats("input").length : c.shape("input")[0];
        int columns = elements ? 1 : c.shape("input")[1];
        // The contract's row loss is the mean over columns, libtorch's sum is over all elements.
        float perRow = labelled ? 1 : columns;
        float scale = switch (reduction) {
            case "mean" -> 1f / batch;
            case "sum" -> perRow;
            default -> 1;
        };
        Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
            Tensor p = memory.input(c.floats("input"), batch, columns);
            Tensor losses = memory.output(batch);
            Tensor gradient = memory.output(batch, columns);
            if (labelled) {
                ops.loss().softmaxCrossEntropy(p, memory.input(c.ints("target"), batch), null, scale, losses, null, gradient);
            } else {
                Tensor target = memory.input(c.floats("target"), batch, columns);
                if (c.op().equals("mse_loss")) {
                    ops.loss().squaredError(p, target, null, scale, losses, gradient);
                } else {
                    ops.loss().binaryCrossEntropyWithLogits(p, target, null, scale, losses, null, gradient);
                }
            }
            return Map.of("losses", losses, "gradient", gradient);
        });
        float[] losses = Sandbox.floats(results.get("losses"));
        float[] gradient = Sandbox.floats(results.get("gradient"));
        if (reduction.equals("none")) {
            float[] upstream = c.floats("grad_out");
            for (int i = 0; i < gradient.length; i++) {
                gradient[i] *= upstream[i / columns];
            }
        } else {
            double sum = 0;
            for (float loss : losses) {
                sum += loss;
            }
            losses = new float[] {(float) (sum * (reduction.equals("mean") ? 1.0 / batch : perRow))};
        }
        Golden.expectClose(on + ", " + c + ", loss", c.expected("out"), losses);
        Golden.expectClose(on + ", " + c + ", gradient", c.expected("grad_input"), gradient);
    }
}
