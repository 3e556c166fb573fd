package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.talweg.ops.ElementwiseLoss.Formula;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.TestDevice;

/** {@link LossOps#elementwise}: losses and gradients within a few roundings of their largest term, hits exact. */
class LossOpsTest {
    /** Every formula, and every parameter that changes its course. */
    static final List<ElementwiseLoss> LOSSES = List.of(
        ElementwiseLoss.of(Formula.SQUARED_ERROR), ElementwiseLoss.of(Formula.ABSOLUTE_ERROR),
        new ElementwiseLoss(Formula.HUBER, 1, 0), new ElementwiseLoss(Formula.HUBER, 0.3f, 0),
        new ElementwiseLoss(Formula.SMOOTH_L1, 1, 0), new ElementwiseLoss(Formula.SMOOTH_L1, 0.3f, 0),
        new ElementwiseLoss(Formula.SMOOTH_L1, 0, 0), ElementwiseLoss.of(Formula.LOG_COSH),
        ElementwiseLoss.of(Formula.BINARY_CROSS_ENTROPY),
        ElementwiseLoss.of(Formula.BINARY_CROSS_ENTROPY_PROBABILITIES),
        ElementwiseLoss.of(Formula.HINGE), ElementwiseLoss.of(Formula.SQUARED_HINGE),
        new ElementwiseLoss(Formula.HINGE_EMBEDDING, 1, 0), ElementwiseLoss.of(Formula.KL_DIVERGENCE),
        ElementwiseLoss.of(Formula.KL_DIVERGENCE_LOG_TARGET), new ElementwiseLoss(Formula.POISSON, 0, 0),
        new ElementwiseLoss(Formula.POISSON, 1, 0), new ElementwiseLoss(Formula.POISSON_RATE, 0, 1e-8f),
        new ElementwiseLoss(Formula.POISSON_RATE, 1, 1e-8f), new ElementwiseLoss(Formula.FOCAL, 0.25f, 2),
        new ElementwiseLoss(Formula.FOCAL, -1, 0.5f), new ElementwiseLoss(Formula.FOCAL, 0.5f, 0));

    /** Targets that {@code loss} is made for. */
    static float drawTarget(Formula formula, Draw draw) {
        return switch (formula) {
            case BINARY_CROSS_ENTROPY, BINARY_CROSS_ENTROPY_PROBABILITIES, FOCAL, KL_DIVERGENCE ->
                draw.flag() ? draw.below(2) : draw.reals(1, 0.5)[0] + 0.5f;
            case HINGE, SQUARED_HINGE, HINGE_EMBEDDING -> draw.below(3) - 1;
            case KL_DIVERGENCE_LOG_TARGET -> -Math.abs(draw.reals(1, 5)[0]);
            case POISSON, POISSON_RATE -> draw.below(12);
            default -> draw.reals(1, 3)[0];
        };
    }

    /** Predictions that {@code loss} is made for. */
    static float drawPrediction(Formula formula, Draw draw, double spread) {
        return switch (formula) {
            case BINARY_CROSS_ENTROPY_PROBABILITIES ->
                draw.below(9) == 0 ? draw.below(2) : draw.reals(1, 0.5)[0] + 0.5f;
            case KL_DIVERGENCE, KL_DIVERGENCE_LOG_TARGET -> -Math.abs(draw.reals(1, 5)[0]);
            case POISSON -> draw.reals(1, 4)[0];
            case POISSON_RATE -> Math.abs(draw.reals(1, 8)[0]);
            default -> draw.reals(1, spread)[0];
        };
    }

    private static final class Elementwise extends LossCase {
        private final ElementwiseLoss loss;
        private final float[] target;
        private final float[] weights;
        private final float[] positiveWeights;

        Elementwise(ElementwiseLoss loss, Draw draw, int batch, int columns, double spread) {
            super(draw, batch, columns, loss.hasHits());
            this.loss = loss;
            prediction = new float[batch * columns];
            for (int i = 0; i < prediction.length; i++) {
                prediction[i] = drawPrediction(loss.formula(), draw, spread);
            }
            target = new float[targetRows() * columns];
            for (int i = 0; i < target.length; i++) {
                target[i] = drawTarget(loss.formula(), draw);
            }
            weights = draw.flag() ? Draw.absolute(draw.reals(columns, 3)) : null;
            positiveWeights = loss.formula() == Formula.BINARY_CROSS_ENTROPY && draw.flag()
                ? Draw.absolute(draw.reals(columns, 3)) : null;
        }

        @Override
        Tensor target(Sandbox memory) {
            return memory.input(target, targetRows(), columns);
        }

        @Override
        void call(Ops ops, Sandbox memory, LossBatch arguments) {
            ops.loss().elementwise(loss, arguments, weights == null ? null : memory.input(weights, columns),
                positiveWeights == null ? null : memory.input(positiveWeights, columns));
        }

        @Override
        double lossBound(int row) {
            double sum = 0;
            for (int j = 0; j < columns; j++) {
                sum += weight(j) * size(row, j);
            }
            return (12 + 2 * Math.sqrt(columns)) * ULP * lossScale * sum;
        }

        @Override
        double gradientBound(int at) {
            int j = at % columns;
            return 12 * ULP * Math.abs(gradientScale) * weight(j) * slopeSize(at / columns, j) + 1e-37;
        }

        @Override
        double hitBound() {
            return 2 * ULP;
        }

        private double weight(int j) {
            return weights == null ? 1 : weights[j];
        }

        private double positive(int j) {
            return positiveWeights == null ? 1 : positiveWeights[j];
        }

        /** The terms of a loss without their signs. */
        private double size(int row, int j) {
            double p = prediction[row * columns + j];
            double t = target[targetRow(row) * columns + j];
            double binary = (1 + positive(j)) * (Math.abs(p) * (1 + t) + 1);
            double stirling = loss.a() != 0 && t > 1 ? t * Math.log(t) + t + 3 : 0;
            return switch (loss.formula()) {
                case BINARY_CROSS_ENTROPY -> binary;
                case FOCAL -> Math.pow(missed(p, t), loss.b()) * binary;
                case KL_DIVERGENCE -> t == 0 ? 0 : t * (Math.abs(Math.log(t)) - p);
                case KL_DIVERGENCE_LOG_TARGET -> Math.exp(t) * (-t - p);
                case POISSON -> Math.exp(p) + t * Math.abs(p) + stirling;
                case POISSON_RATE -> p + t * (1 + Math.abs(Math.log(p + loss.b()))) + stirling;
                default -> 2 * Math.abs(loss.loss(p, t, positive(j)));
            };
        }

        /** The terms of a derivative without their signs. */
        private double slopeSize(int row, int j) {
            double p = prediction[row * columns + j];
            double t = target[targetRow(row) * columns + j];
            double binary = (Math.abs(p) * (1 + t) + 1) * 2;
            return switch (loss.formula()) {
                case BINARY_CROSS_ENTROPY -> 1 + 2 * positive(j);
                case FOCAL -> Math.pow(missed(p, t), loss.b()) * (loss.b() * binary + 2);
                case POISSON -> Math.exp(p) + t;
                case POISSON_RATE -> 1 + t / (p + loss.b());
                default -> Math.abs(loss.derivative(p, t, 1));
            };
        }

        private static double missed(double p, double t) {
            return (1 - t) / (1 + Math.exp(-p)) + t / (1 + Math.exp(p));
        }

        @Override
        public String toString() {
            return loss + " of " + super.toString() + (weights == null ? "" : ", weights")
                + (positiveWeights == null ? "" : ", positive weights");
        }
    }

    @OnEveryDevice
    void lossesAndGradientsMatch(TestDevice on) {
        Draw draw = new Draw(31);
        for (ElementwiseLoss loss : LOSSES) {
            for (int[] shape : draw.shapes(2, 8, 6_000)) {
                LossCase c = new Elementwise(loss, draw, shape[0], shape[1], draw.flag() ? 2 : 40);
                c.expect(Contract.check(on, c.toString(), c.operation()));
            }
        }
    }

    @OnEveryDevice
    void manyColumns(TestDevice on) {
        Draw draw = new Draw(32);
        for (ElementwiseLoss loss : LOSSES) {
            LossCase c = new Elementwise(loss, draw, 2, 1023 + draw.below(4), 3);
            c.expect(Contract.check(on, c.toString(), c.operation()));
        }
    }

    @OnEveryDevice
    void nonFiniteValuesComeOutWhereTheOracleHasThem(TestDevice on) {
        Draw draw = new Draw(33);
        for (ElementwiseLoss loss : LOSSES) {
            for (int[] shape : draw.shapes(2, 4, 2_000)) {
                LossCase c = new Elementwise(loss, draw, shape[0], shape[1], 2);
                c.prediction = draw.withNonFinite(c.prediction);
                c.expectRoughly(Contract.check(on, c + ", with NaN and infinities", c.operation()));
            }
        }
    }

    @OnEveryDevice
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(35);
        for (ElementwiseLoss loss : LOSSES) {
            LossCase c = new Elementwise(loss, draw, 129, 33, 3);
            Contract.checkSchedules(on, c.toString(), c.operation());
        }
        LossCase wide = new Elementwise(LOSSES.get(0), draw, 5, 1025, 3);
        Contract.checkSchedules(on, wide.toString(), wide.operation());
    }

    @OnEveryDevice
    void whatDoesNotFitIsNamed(TestDevice on) {
        Sandbox.run(on.device(), (ops, memory) -> {
            Tensor p = memory.input(new float[6], 2, 3);
            Tensor t = memory.input(new float[6], 2, 3);
            Tensor losses = memory.output(2);
            assertMessage("target has shape [3×2]", () -> new LossBatch(p, memory.input(new float[6], 3, 2), null, 1, 1,
                losses, null, null));
            assertMessage("labels has shape [3], expected [2]", () -> new LossBatch(p, memory.input(new int[3], 3),
                null, 1, 1, losses, null, null));
            assertMessage("row losses has shape [6]", () -> new LossBatch(p, t, null, 1, 1, memory.output(6), null,
                null));
            assertMessage("gradient of the prediction has shape [3×2]", () -> new LossBatch(p, t, null, 1, 1, losses,
                null, memory.output(3, 2)));
            LossBatch plain = new LossBatch(p, t, null, 1, 1, losses, null, null);
            assertMessage("weights has shape [2], expected [3]",
                () -> ops.loss().elementwise(LOSSES.get(0), plain, memory.input(new float[2], 2), null));
            assertMessage("only BINARY_CROSS_ENTROPY has any",
                () -> ops.loss().elementwise(LOSSES.get(0), plain, null, memory.input(new float[3], 3)));
            assertMessage("no right or wrong", () -> ops.loss().elementwise(LOSSES.get(0),
                new LossBatch(p, t, null, 1, 1, losses, memory.output(2), null), null, null));
            assertMessage("target is INT32", () -> ops.loss().elementwise(LOSSES.get(0),
                new LossBatch(p, memory.input(new int[2], 2), null, 1, 1, losses, null, null), null, null));
            assertMessage("class weights has shape [2], expected [3]", () -> ops.loss().crossEntropy(
                CrossEntropy.plain(true), plain, memory.input(new float[2], 2), null));
            return Map.of();
        });
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }
}
