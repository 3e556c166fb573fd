package org.talweg.ops;

import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.talweg.ops.ElementwiseLoss.Formula;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;

/** The oracle's gradients of losses against central differences, everything in double. */
class LossGradientTest extends GradientFixture {
    @Test
    void elementwise() {
        Draw draw = new Draw(82);
        for (ElementwiseLoss loss : LossOpsTest.LOSSES) {
            for (int round = 0; round < 5; round++) {
                int batch = 1 + draw.below(5);
                int columns = 1 + draw.below(6);
                float[] p = new float[batch * columns];
                float[] t = new float[batch * columns];
                for (int i = 0; i < p.length; i++) {
                    t[i] = LossOpsTest.drawTarget(loss.formula(), draw);
                    p[i] = awayFromEdges(loss.formula(), LossOpsTest.drawPrediction(loss.formula(), draw, 3));
                }
                Tensor weights = draw.flag() ? tensor(Draw.absolute(draw.reals(columns, 2)), columns) : null;
                Tensor positive = loss.formula() == Formula.BINARY_CROSS_ENTROPY
                    ? tensor(Draw.absolute(draw.reals(columns, 2)), columns) : null;
                check(loss + " of " + batch + "×" + columns, draw, tensor(p, batch, columns),
                    tensor(t, batch, columns), arguments -> ops.loss().elementwise(loss, arguments, weights, positive));
            }
        }
    }

    /** Central differences of log p need room below 1 and above 0. */
    private static float awayFromEdges(Formula formula, float p) {
        return switch (formula) {
            case BINARY_CROSS_ENTROPY_PROBABILITIES -> Math.min(Math.max(p, 0.1f), 0.9f);
            case POISSON_RATE -> Math.max(p, 0.5f);
            default -> p;
        };
    }

    @Test
    void crossEntropy() {
        Draw draw = new Draw(83);
        for (int round = 0; round < 40; round++) {
            int batch = 1 + draw.below(5);
            int classes = 1 + draw.below(6);
            CrossEntropy loss = new CrossEntropy(draw.flag(), draw.flag() ? 0.1f : 0, draw.flag() ? 0 : CrossEntropy.NONE);
            Tensor target;
            if (draw.flag()) {
                target = tensor(Draw.absolute(draw.reals(batch * classes, 1)), batch, classes);
            } else {
                target = tensor(DType.INT32, Shape.of(batch));
                device.upload(draw.indices(batch, classes), target);
            }
            Tensor weights = draw.flag() ? tensor(Draw.absolute(draw.reals(classes, 2)), classes) : null;
            Tensor factors = draw.flag() ? tensor(new float[] {1.7f, 1}, 2) : null;
            check(loss + " of " + batch + "×" + classes, draw, tensor(draw.reals(batch * classes, 2), batch, classes),
                target, arguments -> ops.loss().crossEntropy(loss, arguments, weights, factors));
        }
    }

    private void check(String label, Draw draw, Tensor prediction, Tensor target, Consumer<LossBatch> loss) {
        Tensor losses = tensor(prediction.dim(0));
        Tensor gradient = tensor(prediction.dim(0), prediction.dim(1));
        double lossScale = 0.5 + draw.below(4);
        double upstream = draw.flag() ? -0.7 : 1.3;
        loss.accept(new LossBatch(prediction, target, null, lossScale, lossScale * upstream, losses, null, gradient));
        LossBatch alone = new LossBatch(prediction, target, null, lossScale, 1, losses, null, null);
        compare(label, prediction, gradient, () -> upstream * sum(loss, alone));
    }

    private static double sum(Consumer<LossBatch> loss, LossBatch arguments) {
        loss.accept(arguments);
        double sum = 0;
        for (int i = 0; i < arguments.size(); i++) {
            sum += host(arguments.rowLosses()).get(i);
        }
        return sum;
    }
}
