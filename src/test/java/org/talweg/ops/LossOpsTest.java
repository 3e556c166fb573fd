package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.Map;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.Sandbox.Operation;
import org.talweg.testing.TestDevice;

/** {@link LossOps}: losses and gradients within a few roundings of their largest term, hits exact. */
class LossOpsTest {
    private static final double ULP = 0x1p-24;
    private static final float NAN = Float.NaN;
    private static final float INFINITY = Float.POSITIVE_INFINITY;

    private enum Kind {
        SOFTMAX, SQUARED, BINARY
    }

    /** Where the gradient goes. */
    private enum Gradient {
        NONE, APART, OVER_THE_PREDICTION
    }

    /** One call's inputs. */
    private static final class Case {
        final Kind kind;
        final int batch;
        final int columns;
        final int sourceRows;
        final int cursor;
        final int[] order;
        final Gradient gradient;
        final boolean withHits;
        final float scale;
        float[] prediction;
        float[] target;
        int[] labels;

        Case(Kind kind, Draw draw, int batch, int columns, double spread) {
            this.kind = kind;
            this.batch = batch;
            this.columns = columns;
            sourceRows = draw.flag() ? batch + draw.below(10) : 0;
            cursor = draw.below(4);
            order = draw.indices(cursor + batch + 2, Math.max(1, sourceRows));
            gradient = draw.oneOf(Gradient.values());
            withHits = kind != Kind.SQUARED && draw.flag();
            scale = draw.flag() ? 1f / batch : -0.37f;
            prediction = draw.reals(batch * columns, spread);
            int rows = Math.max(batch, sourceRows);
            labels = draw.indices(rows, columns);
            target = draw.reals(rows * columns, kind == Kind.BINARY ? 0.5 : spread);
            for (int i = 0; kind == Kind.BINARY && i < target.length; i++) {
                target[i] = draw.flag() ? target[i] + 0.5f : draw.below(2);
            }
        }

        int sourceRow(int row) {
            return sourceRows == 0 ? row : order[cursor + row];
        }

        Operation operation() {
            return (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                boolean over = gradient == Gradient.OVER_THE_PREDICTION;
                Tensor p = over ? memory.state(prediction, batch, columns) : memory.input(prediction, batch, columns);
                written.put("losses", memory.output(batch));
                if (withHits) {
                    written.put("hits", memory.output(batch));
                }
                if (gradient != Gradient.NONE) {
                    written.put("gradient", over ? p : memory.output(batch, columns));
                }
                BatchRows rows = sourceRows == 0 ? null
                    : new BatchRows(memory.input(order, order.length), memory.input(new int[] {cursor}, 1));
                int set = Math.max(batch, sourceRows);
                Tensor losses = written.get("losses");
                Tensor hits = written.get("hits");
                Tensor g = written.get("gradient");
                switch (kind) {
                    case SOFTMAX -> ops.loss().softmaxCrossEntropy(p, memory.input(labels, set), rows, scale, losses, hits, g);
                    case SQUARED -> ops.loss().squaredError(p, memory.input(target, set, columns), rows, scale, losses, g);
                    case BINARY -> ops.loss().binaryCrossEntropyWithLogits(p, memory.input(target, set, columns), rows, scale,
                        losses, hits, g);
                }
                return written;
            };
        }

        void expect(Contract contract) {
            float[] losses = contract.expected("losses");
            contract.expectWithin("losses", i -> lossBound(i, losses[i]));
            if (withHits) {
                contract.expectWithin("hits", i -> kind == Kind.BINARY ? 2 * ULP : 0);
            }
            if (gradient != Gradient.NONE) {
                float[] g = contract.expected("gradient");
                contract.expectWithin("gradient", i -> gradientBound(i, g[i]));
            }
        }

        private double lossBound(int row, float loss) {
            double sum = 0;
            for (int j = 0; j < columns; j++) {
                double p = prediction[row * columns + j];
                double t = target[sourceRow(row) * columns + j];
                sum += Math.abs(p) * (1 + Math.abs(t)) + 1;
            }
            double growth = (4 + 2 * Math.sqrt(columns)) * ULP;
            return switch (kind) {
                case SOFTMAX -> (8 + Math.sqrt(columns)) * ULP * (2 + Math.abs(loss));
                case SQUARED -> growth * loss;
                case BINARY -> growth * sum / columns;
            };
        }

        private double gradientBound(int at, float g) {
            return switch (kind) {
                case SOFTMAX -> {
                    int row = at / columns;
                    double max = Double.NEGATIVE_INFINITY;
                    for (int j = 0; j < columns; j++) {
                        max = Math.max(max, prediction[row * columns + j]);
                    }
                    boolean labelled = at % columns == labels[sourceRow(row)];
                    double softmax = g / scale + (labelled ? 1 : 0);
                    double relative = 12 + Math.sqrt(columns) + 2 * (max - prediction[at]);
                    yield Math.abs(scale) * ULP * (softmax * relative + (labelled ? 2 : 0)) + 1e-37;
                }
                case SQUARED -> 6 * ULP * Math.abs(g);
                case BINARY -> 8 * ULP * Math.abs(scale) / columns;
            };
        }

        @Override
        public String toString() {
            return kind + " of " + batch + "×" + columns + ", gradient " + gradient + (withHits ? ", hits" : "")
                + (sourceRows == 0 ? "" : ", rows of " + sourceRows + " from " + cursor) + ", scale " + scale;
        }
    }

    @OnEveryDevice
    void lossesAndGradientsMatch(TestDevice on) {
        Draw draw = new Draw(31);
        for (Kind kind : Kind.values()) {
            for (int[] shape : draw.shapes(2, 20, 10_000)) {
                Case c = new Case(kind, draw, shape[0], shape[1], draw.flag() ? 2 : 40);
                c.expect(Contract.check(on, c.toString(), c.operation()));
            }
        }
    }

    @OnEveryDevice
    void manyClasses(TestDevice on) {
        Draw draw = new Draw(32);
        for (int classes : new int[] {1000, 1023, 1025, 5003}) {
            Case c = new Case(Kind.SOFTMAX, draw, 3, classes, 5);
            c.expect(Contract.check(on, c.toString(), c.operation()));
        }
    }

    @OnEveryDevice
    void nonFiniteValuesComeOutWhereTheOracleHasThem(TestDevice on) {
        Draw draw = new Draw(33);
        for (Kind kind : Kind.values()) {
            for (int[] shape : draw.shapes(2, 8, 10_000)) {
                Case c = new Case(kind, draw, shape[0], shape[1], 2);
                c.prediction = draw.withNonFinite(c.prediction);
                Contract contract = Contract.check(on, c + ", with NaN and infinities", c.operation());
                contract.expectWithin("losses", i -> 1e-4);
                if (c.gradient != Gradient.NONE) {
                    contract.expectWithin("gradient", i -> 1e-5);
                }
                if (c.withHits) {
                    contract.expectWithin("hits", i -> 2 * ULP);
                }
            }
        }
    }

    @OnEveryDevice
    void aLabelOutOfRangeMakesItsRowNaNAndNoOther(TestDevice on) {
        int[] labels = {0, 3, -1, 2, Integer.MAX_VALUE, Integer.MIN_VALUE};
        float[] logits = new Draw(34).reals(18, 2);
        Contract contract = Contract.check(on, "labels out of range", softmax(logits, labels, 3));
        contract.expectWithin("losses", i -> 1e-5);
        contract.expectEqual("hits");
        contract.expectWithin("gradient", i -> 1e-6);
        for (int i = 0; i < labels.length; i++) {
            boolean inside = labels[i] >= 0 && labels[i] < 3;
            assertTrue(inside != Float.isNaN(contract.actual("losses")[i]), on + ": row " + i);
            assertTrue(inside != Float.isNaN(contract.actual("gradient")[3 * i]), on + ": row " + i);
        }
    }

    @OnEveryDevice
    void extremeLogits(TestDevice on) {
        float[] logits = {
            1e4f, -1e4f, 0,
            3e38f, -3e38f, 1,
            -INFINITY, 0, 1,
            -1e30f, -1e30f, -1e30f,
            INFINITY, 0, 0,
            NAN, 5, 1,
            0, NAN, 1,
            -INFINITY, -INFINITY, -INFINITY,
        };
        Contract contract = Contract.check(on, "extreme logits", softmax(logits, new int[] {1, 0, 0, 2, 0, 1, 2, 0}, 3));
        contract.expectWithin("losses", i -> 1e-2);
        contract.expectEqual("hits");
        contract.expectWithin("gradient", i -> 1e-6);
    }

    @OnEveryDevice
    void theFirstOfEqualLogitsCounts(TestDevice on) {
        int classes = 77;
        float[] logits = new float[4 * classes];
        // Row 0: all equal. Row 1: ties at 40 and 70. Row 2: ties at 0 and 76. Row 3: as row 1, labelled 70.
        logits[classes + 40] = 2;
        logits[classes + 70] = 2;
        logits[2 * classes] = 1;
        logits[2 * classes + 76] = 1;
        logits[3 * classes + 40] = 2;
        logits[3 * classes + 70] = 2;
        Contract contract = Contract.check(on, "ties", softmax(logits, new int[] {0, 40, 0, 70}, classes));
        contract.expectEqual("hits");
        assertArrayEquals(new float[] {1, 1, 1, 0}, contract.actual("hits"), on.toString());
    }

    @OnEveryDevice
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(35);
        for (Kind kind : Kind.values()) {
            Case c = new Case(kind, draw, 129, 33, 3);
            Contract.checkSchedules(on, c.toString(), c.operation());
        }
        Case wide = new Case(Kind.SOFTMAX, draw, 5, 1025, 3);
        Contract.checkSchedules(on, wide.toString(), wide.operation());
    }

    @OnEveryDevice
    void wrongShapesAreNamed(TestDevice on) {
        Sandbox.run(on.device(), (ops, memory) -> {
            Tensor logits = memory.input(new float[6], 2, 3);
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> ops.loss().softmaxCrossEntropy(
                logits, memory.input(new int[3], 3), null, 1, memory.output(2), null, null));
            assertTrue(e.getMessage().contains("labels"), e.getMessage());
            e = assertThrows(IllegalArgumentException.class, () -> ops.loss().squaredError(
                logits, memory.input(new float[6], 3, 2), null, 1, memory.output(2), null));
            assertTrue(e.getMessage().contains("target"), e.getMessage());
            return Map.of();
        });
    }

    private static Operation softmax(float[] logits, int[] labels, int classes) {
        int batch = labels.length;
        return (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("losses", memory.output(batch));
            written.put("hits", memory.output(batch));
            written.put("gradient", memory.output(batch, classes));
            ops.loss().softmaxCrossEntropy(memory.input(logits, batch, classes), memory.input(labels, batch), null,
                1f / batch, written.get("losses"), written.get("hits"), written.get("gradient"));
            return written;
        };
    }
}
