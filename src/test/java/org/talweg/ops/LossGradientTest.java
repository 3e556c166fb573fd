package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.talweg.ops.ElementwiseLoss.Formula;
import org.talweg.reference.ReferenceDevices;
import org.talweg.tensor.DType;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;

/** The oracle's gradients of losses against central differences, everything in double. */
class LossGradientTest {
    private static final double STEP = 1e-6;
    private static final double TOLERANCE = 1e-7;

    private final Device device = ReferenceDevices.float64();
    private final Ops ops = device.ops();
    private final List<Tensor> live = new ArrayList<>();

    @AfterEach
    void close() {
        live.forEach(tensor -> tensor.buffer().close());
        device.close();
    }

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
                target = tensor(DType.INT32, batch);
                device.upload(draw.indices(batch, classes), target);
            }
            Tensor weights = draw.flag() ? tensor(Draw.absolute(draw.reals(classes, 2)), classes) : null;
            Tensor factors = draw.flag() ? tensor(new float[] {1.7f, 1}, 2) : null;
            check(loss + " of " + batch + "×" + classes, draw, tensor(draw.reals(batch * classes, 2), batch, classes),
                target, arguments -> ops.loss().crossEntropy(loss, arguments, weights, factors));
        }
    }

    private void check(String label, Draw draw, Tensor prediction, Tensor target, Consumer<LossBatch> loss) {
        Tensor losses = tensor(DType.FLOAT32, prediction.dim(0));
        Tensor gradient = tensor(DType.FLOAT32, prediction.dim(0), prediction.dim(1));
        double lossScale = 0.5 + draw.below(4);
        double upstream = draw.flag() ? -0.7 : 1.3;
        loss.accept(new LossBatch(prediction, target, null, lossScale, lossScale * upstream, losses, null, gradient));
        LossBatch alone = new LossBatch(prediction, target, null, lossScale, 1, losses, null, null);
        HostBuffer values = (HostBuffer) prediction.buffer();
        for (int i = 0; i < prediction.elements(); i++) {
            double value = values.get(i);
            values.set(i, value + STEP);
            double above = sum(loss, alone);
            values.set(i, value - STEP);
            double below = sum(loss, alone);
            values.set(i, value);
            double difference = upstream * (above - below) / (2 * STEP);
            double analytic = ((HostBuffer) gradient.buffer()).get(i);
            assertEquals(difference, analytic, TOLERANCE * (1 + Math.abs(difference)), label + ", element " + i);
        }
    }

    private static double sum(Consumer<LossBatch> loss, LossBatch arguments) {
        loss.accept(arguments);
        double sum = 0;
        for (int i = 0; i < arguments.size(); i++) {
            sum += ((HostBuffer) arguments.rowLosses().buffer()).get(i);
        }
        return sum;
    }

    private Tensor tensor(DType dtype, int... dims) {
        Tensor tensor = device.allocate(dtype, Shape.of(dims), "test");
        live.add(tensor);
        return tensor;
    }

    private Tensor tensor(float[] values, int... dims) {
        Tensor tensor = tensor(DType.FLOAT32, dims);
        device.upload(values, tensor);
        return tensor;
    }
}
