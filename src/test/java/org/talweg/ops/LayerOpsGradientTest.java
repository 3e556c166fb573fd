package org.talweg.ops;

import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;

/** The oracle's gradients of softmax, normalisation and dropout against central differences, everything in double. */
class LayerOpsGradientTest extends GradientFixture {
    private static final int ROUNDS = 12;
    private static final float EPSILON = 1e-3f;

    /** A random weighted sum of the outputs is the loss; its weights are the upstream gradient. */
    private final class Case {
        final int rows;
        final int columns;
        final Tensor x;
        final Tensor w;
        final Tensor b;
        final Tensor y;
        final Tensor upstream;
        final Tensor dx;
        final Tensor dw;
        final Tensor db;

        Case(Draw draw) {
            rows = 2 + draw.below(5);
            columns = 1 + draw.below(7);
            x = random(draw, rows, columns);
            w = random(draw, columns);
            b = random(draw, columns);
            y = tensor(rows, columns);
            upstream = random(draw, rows, columns);
            dx = tensor(rows, columns);
            dw = tensor(columns);
            db = tensor(columns);
        }

        DoubleSupplier loss(Runnable forward) {
            return () -> {
                forward.run();
                return weighted(upstream, y);
            };
        }

        @Override
        public String toString() {
            return rows + "×" + columns;
        }
    }

    @Test
    void layerAndRmsNorm() {
        Draw draw = new Draw(84);
        for (int round = 0; round < ROUNDS; round++) {
            Case c = new Case(draw);
            Tensor mean = draw.flag() ? tensor(c.rows) : null;
            Tensor inverse = tensor(c.rows);
            Tensor bias = mean == null ? null : c.b;
            DoubleSupplier loss = c.loss(() ->
                ops.normalisation().layerNorm(c.x, c.w, bias, EPSILON, mean, inverse, c.y));
            loss.getAsDouble();
            ops.normalisation().layerNormBackwardInput(c.upstream, c.x, c.w, mean, inverse, false, c.dx);
            ops.normalisation().layerNormBackwardWeights(c.upstream, c.x, mean, inverse, false, c.dw,
                bias == null ? null : c.db, null);
            String label = (mean == null ? "RMS norm " : "layer norm ") + c;
            compare(label + ", x", c.x, c.dx, loss);
            compare(label + ", weight", c.w, c.dw, loss);
            if (bias != null) {
                compare(label + ", bias", c.b, c.db, loss);
            }
        }
    }

    @Test
    void batchNorm() {
        Draw draw = new Draw(85);
        for (int round = 0; round < ROUNDS; round++) {
            Case c = new Case(draw);
            boolean fromBatch = draw.flag();
            Tensor mean = random(draw, c.columns);
            Tensor variance = tensor(Draw.absolute(draw.reals(c.columns, 1)), c.columns);
            DoubleSupplier loss = c.loss(() ->
                ops.normalisation().batchNorm(c.x, c.w, c.b, EPSILON, fromBatch, mean, variance, c.y));
            loss.getAsDouble();
            ops.normalisation().batchNormBackward(c.upstream, c.x, c.w, EPSILON, fromBatch, mean, variance, false, c.dw,
                c.db, null, false, c.dx);
            String label = "batch norm " + c + (fromBatch ? " of the batch" : " with given statistics");
            compare(label + ", x", c.x, c.dx, loss);
            compare(label + ", weight", c.w, c.dw, loss);
            compare(label + ", bias", c.b, c.db, loss);
        }
    }

    @Test
    void softmax() {
        Draw draw = new Draw(86);
        for (int round = 0; round < ROUNDS; round++) {
            Case c = new Case(draw);
            boolean log = draw.flag();
            DoubleSupplier loss = c.loss(() -> ops.activation().softmax(c.x, log, c.y));
            loss.getAsDouble();
            ops.activation().softmaxBackward(c.upstream, c.y, log, false, c.dx);
            compare((log ? "log softmax " : "softmax ") + c, c.x, c.dx, loss);
        }
    }

    @Test
    void dropout() {
        Draw draw = new Draw(87);
        Tensor steps = tensor(DType.INT32, Shape.of(2));
        for (int round = 0; round < ROUNDS; round++) {
            Case c = new Case(draw);
            device.upload(new int[] {draw.below(100), draw.below(3)}, steps);
            float rate = draw.oneOf(new Float[] {0f, 0.3f, 0.8f, 1f});
            DoubleSupplier loss = c.loss(() -> ops.random().dropout(c.x, rate, 5, 2, 3, steps, false, c.y));
            ops.random().dropout(c.upstream, rate, 5, 2, 3, steps, false, c.dx);
            compare("dropout " + rate + " of " + c, c.x, c.dx, loss);
        }
    }
}
