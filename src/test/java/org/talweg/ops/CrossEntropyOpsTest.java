package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
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

/** {@link LossOps#crossEntropy} and {@link LossOps#labelFactors}. */
class CrossEntropyOpsTest {
    private static final double ULP = LossCase.ULP;
    private static final float NAN = Float.NaN;
    private static final float INFINITY = Float.POSITIVE_INFINITY;
    private static final int IGNORED = -100;

    private static final class Rows extends LossCase {
        private final CrossEntropy loss;
        private final int[] labels;
        private final float[] probabilities;
        private final float[] weights;
        private final float[] factors;
        /** The row that the next three belong to. */
        private int summed = -1;
        private double max;
        private double sum;
        private double total;

        Rows(Draw draw, int batch, int classes, double spread) {
            super(draw, batch, classes, true);
            boolean ignores = draw.below(3) == 0;
            loss = new CrossEntropy(draw.below(3) > 0, draw.flag() ? 0 : draw.below(3) == 0 ? 1 : 0.1f,
                ignores ? draw.flag() ? IGNORED : draw.below(classes) : CrossEntropy.NONE);
            prediction = draw.reals(batch * classes, spread);
            for (int i = 0; !loss.logits() && i < prediction.length; i++) {
                prediction[i] = -Math.abs(prediction[i]);
            }
            labels = draw.indices(targetRows(), classes);
            for (int i = 0; ignores && i < labels.length; i++) {
                labels[i] = draw.below(4) == 0 ? IGNORED : labels[i];
            }
            if (loss.ignoredLabel() != IGNORED) {
                for (int i = 0; i < labels.length; i++) {
                    labels[i] = Math.max(labels[i], 0);
                }
            }
            boolean distributions = !ignores && draw.flag();
            probabilities = distributions ? Draw.absolute(draw.reals(targetRows() * classes, 2.0 / classes)) : null;
            for (int i = 0; distributions && i < probabilities.length; i++) {
                probabilities[i] = draw.below(5) == 0 ? 0 : probabilities[i];
            }
            weights = draw.flag() ? Draw.absolute(draw.reals(classes, 3)) : null;
            factors = draw.flag() ? Draw.absolute(draw.reals(2, 3)) : null;
        }

        @Override
        Tensor target(Sandbox memory) {
            return probabilities == null ? memory.input(labels, targetRows())
                : memory.input(probabilities, targetRows(), columns);
        }

        @Override
        void call(Ops ops, Sandbox memory, LossBatch arguments) {
            ops.loss().crossEntropy(loss, arguments, weights == null ? null : memory.input(weights, columns),
                factors == null ? null : memory.input(factors, 2));
        }

        /** What class j's −log p counts in a row's loss. */
        private double share(int row, int j) {
            int source = targetRow(row);
            double weight = weights == null ? 1 : weights[j];
            if (probabilities == null && labels[source] == loss.ignoredLabel()) {
                return 0;
            }
            double t = probabilities == null ? labels[source] == j ? 1 : 0 : probabilities[source * columns + j];
            return weight * ((1 - loss.labelSmoothing()) * t + loss.labelSmoothing() / columns);
        }

        private double factor() {
            return factors == null ? 1 : factors[0];
        }

        private double max(int row) {
            double max = Double.NEGATIVE_INFINITY;
            for (int j = 0; loss.logits() && j < columns; j++) {
                max = Math.max(max, prediction[row * columns + j]);
            }
            return loss.logits() ? max : 0;
        }

        @Override
        double lossBound(int row) {
            double max = max(row);
            double sum = 0;
            for (int j = 0; j < columns; j++) {
                sum += share(row, j) * (2 + Math.log(columns) + Math.abs(prediction[row * columns + j] - max));
            }
            return (12 + 2 * Math.sqrt(columns)) * ULP * lossScale * factor() * sum;
        }

        @Override
        double gradientBound(int at) {
            int row = at / columns;
            if (row != summed) {
                summed = row;
                max = max(row);
                sum = 0;
                total = 0;
                for (int j = 0; j < columns; j++) {
                    sum += Math.exp(prediction[row * columns + j] - max);
                    total += share(row, j);
                }
            }
            double below = max - prediction[at];
            double softmax = loss.logits() ? Math.exp(-below) / sum : 0;
            double size = total * softmax * (16 + 2 * Math.sqrt(columns) + 2 * below) + 6 * share(row, at % columns);
            return Math.abs(gradientScale) * factor() * ULP * size + 1e-37;
        }

        @Override
        double hitBound() {
            return 0;
        }

        @Override
        public String toString() {
            return loss + " of " + super.toString() + (probabilities == null ? "" : ", probabilities")
                + (weights == null ? "" : ", weights") + (factors == null ? "" : ", factors");
        }
    }

    @OnEveryDevice
    void lossesAndGradientsMatch(TestDevice on) {
        Draw draw = new Draw(36);
        for (int[] shape : draw.shapes(2, 100, 10_000)) {
            Rows c = new Rows(draw, shape[0], shape[1], draw.flag() ? 2 : 40);
            c.expect(Contract.check(on, c.toString(), c.operation()));
        }
    }

    @OnEveryDevice
    void manyClasses(TestDevice on) {
        Draw draw = new Draw(37);
        for (int classes : new int[] {255, 256, 257, 1000, 2047, 2048, 2049, 5003}) {
            for (int i = 0; i < 3; i++) {
                Rows c = new Rows(draw, 3, classes, 5);
                c.expect(Contract.check(on, c.toString(), c.operation()));
            }
        }
    }

    @OnEveryDevice
    void nonFiniteValuesComeOutWhereTheOracleHasThem(TestDevice on) {
        Draw draw = new Draw(38);
        for (int[] shape : draw.shapes(2, 40, 10_000)) {
            Rows c = new Rows(draw, shape[0], shape[1], 2);
            c.prediction = draw.withNonFinite(c.prediction);
            c.expectRoughly(Contract.check(on, c + ", with NaN and infinities", c.operation()));
        }
    }

    @OnEveryDevice
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(39);
        for (int[] shape : new int[][] {{129, 33}, {129, 2}, {7, 300}, {5, 2049}}) {
            Rows c = new Rows(draw, shape[0], shape[1], 3);
            Contract.checkSchedules(on, c.toString(), c.operation());
        }
    }

    @OnEveryDevice
    void aLabelOutOfRangeMakesItsRowNaNAndNoOther(TestDevice on) {
        int[] labels = {0, 3, -1, 2, Integer.MAX_VALUE, Integer.MIN_VALUE};
        float[] logits = new Draw(34).reals(18, 2);
        for (float smoothing : new float[] {0, 0.1f}) {
            for (boolean isLogits : new boolean[] {true, false}) {
                CrossEntropy loss = new CrossEntropy(isLogits, smoothing, CrossEntropy.NONE);
                Contract contract = Contract.check(on, "labels out of range", plain(loss, logits, labels, 3));
                contract.expectWithin("losses", i -> 1e-5);
                contract.expectEqual("hits");
                contract.expectWithin("gradient", i -> 1e-6);
                for (int i = 0; i < labels.length; i++) {
                    boolean inside = labels[i] >= 0 && labels[i] < 3;
                    assertTrue(inside != Float.isNaN(contract.actual("losses")[i]), on + ": row " + i);
                    for (int j = 0; j < 3; j++) {
                        assertTrue(inside != Float.isNaN(contract.actual("gradient")[3 * i + j]), on + ": row " + i);
                    }
                }
            }
        }
    }

    /** Also where the ignored label is one of the classes, and never a hit. */
    @OnEveryDevice
    void anIgnoredLabelLeavesNoLossNoGradientAndNoHit(TestDevice on) {
        for (int ignored : new int[] {IGNORED, 1}) {
            int[] labels = {0, ignored, 2};
            float[] logits = {5, 0, 0, 0, 5, 0, 0, 0, 5};
            Contract contract = Contract.check(on, "ignoring " + ignored,
                plain(new CrossEntropy(true, 0.1f, ignored), logits, labels, 3));
            contract.expectWithin("losses", i -> 1e-6);
            contract.expectWithin("gradient", i -> 1e-7);
            assertArrayEquals(new float[] {1, 0, 1}, contract.actual("hits"), on.toString());
            assertEquals(0, contract.actual("losses")[1], on.toString());
            for (int j = 3; j < 6; j++) {
                assertEquals(0, contract.actual("gradient")[j], 0f, on.toString());
            }
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
        int[] labels = {1, 0, 0, 2, 0, 1, 2, 0};
        Contract contract = Contract.check(on, "extreme logits", plain(CrossEntropy.plain(true), logits, labels, 3));
        contract.expectWithin("losses", i -> 1e-2);
        contract.expectEqual("hits");
        contract.expectWithin("gradient", i -> 1e-6);
    }

    /** A class that is masked with −∞ and not wanted leaves the others alone. */
    @OnEveryDevice
    void aClassOfProbabilityZeroMayBeMasked(TestDevice on) {
        Contract contract = Contract.check(on, "masked class", (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("losses", memory.output(1));
            written.put("gradient", memory.output(1, 3));
            ops.loss().crossEntropy(CrossEntropy.plain(true), new LossBatch(
                memory.input(new float[] {1, -INFINITY, 2}, 1, 3), memory.input(new float[] {0.25f, 0, 0.75f}, 1, 3), null,
                1, 1, written.get("losses"), null, written.get("gradient")), null, null);
            return written;
        });
        contract.expectWithin("losses", i -> 1e-6);
        contract.expectWithin("gradient", i -> 1e-6);
        double loss = Math.log(Math.E + Math.exp(2)) - 0.25 - 0.75 * 2;
        assertEquals(loss, contract.actual("losses")[0], 1e-6, on.toString());
        assertEquals(0, contract.actual("gradient")[1], on.toString());
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
        Contract contract = Contract.check(on, "ties",
            plain(CrossEntropy.plain(true), logits, new int[] {0, 40, 0, 70}, classes));
        contract.expectEqual("hits");
        assertArrayEquals(new float[] {1, 1, 1, 0}, contract.actual("hits"), on.toString());
    }

    @OnEveryDevice
    void labelFactorsMatch(TestDevice on) {
        Draw draw = new Draw(40);
        for (int count : new int[] {1, 2, 31, 33, 257, 1023, 1025, 5003}) {
            int classes = 1 + draw.below(20);
            long ignored = draw.flag() ? IGNORED : draw.flag() ? 0 : CrossEntropy.NONE;
            int[] labels = draw.indices(count + 5, classes);
            for (int i = 0; ignored == IGNORED && i < labels.length; i++) {
                labels[i] = draw.below(3) == 0 ? IGNORED : labels[i];
            }
            float[] weights = draw.flag() ? Draw.absolute(draw.reals(classes, 3)) : null;
            boolean weighted = draw.below(3) > 0;
            int[] order = draw.flag() ? draw.indices(count + 7, labels.length) : null;
            Contract contract = Contract.checkSchedules(on, count + " labels", (ops, memory) -> {
                Tensor factors = memory.output(2);
                ops.loss().labelFactors(new CrossEntropy(true, 0, ignored), memory.input(labels, labels.length),
                    order == null ? null : new BatchRows(memory.input(order, order.length),
                        memory.input(new int[] {7}, 1)), count, weights == null ? null : memory.input(weights, classes),
                    weighted, factors);
                return Map.of("factors", factors);
            });
            float[] expected = contract.expected("factors");
            contract.expectWithin("factors", i -> 2 * ULP * expected[i]);
            assertTrue(weighted || contract.actual("factors")[0] == 1, on.toString());
        }
    }

    @OnEveryDevice
    void whereNoRowCountsTheStepIsSkipped(TestDevice on) {
        int[] labels = {IGNORED, IGNORED};
        CrossEntropy loss = new CrossEntropy(true, 0, IGNORED);
        Contract contract = Contract.check(on, "all ignored", (ops, memory) -> {
            Tensor factors = memory.output(2);
            Tensor target = memory.input(labels, 2);
            ops.loss().labelFactors(loss, target, null, 2, null, true, factors);
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("factors", factors);
            written.put("losses", memory.output(2));
            written.put("gradient", memory.output(2, 3));
            ops.loss().crossEntropy(loss, new LossBatch(memory.input(new float[6], 2, 3), target, null, 1, 0.5,
                written.get("losses"), null, written.get("gradient")), null, factors);
            return written;
        });
        contract.expectEqual("factors");
        contract.expectEqual("losses");
        contract.expectEqual("gradient");
        assertArrayEquals(new float[] {INFINITY, INFINITY}, contract.actual("factors"), on.toString());
        assertTrue(Float.isNaN(contract.actual("losses")[0]) && Float.isNaN(contract.actual("gradient")[0]));
    }

    private static Operation plain(CrossEntropy loss, float[] logits, int[] labels, int classes) {
        int batch = labels.length;
        return (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("losses", memory.output(batch));
            written.put("hits", memory.output(batch));
            written.put("gradient", memory.output(batch, classes));
            ops.loss().crossEntropy(loss, new LossBatch(memory.input(logits, batch, classes),
                memory.input(labels, batch), null, 1, 1.0 / batch, written.get("losses"), written.get("hits"),
                written.get("gradient")), null, null);
            return written;
        };
    }
}
