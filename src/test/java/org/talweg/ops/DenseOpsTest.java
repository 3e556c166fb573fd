package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Contract.Bound;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.Sandbox.Operation;
import org.talweg.testing.TestDevice;

/** {@link DenseOps}: exact on whole numbers, within a rounding bound on reals, in every shape and variant. */
class DenseOpsTest {
    private static final double ULP = 0x1p-24;
    private static final int SAMPLES = 24;
    private static final long MAX_PRODUCTS = 1_500_000;
    private static final Activation[] ALL = Activation.all().toArray(Activation[]::new);
    private static final Activation[] EXACT = {Activation.IDENTITY, Activation.RELU};

    /** One layer's data: everything the three products may want. */
    private static final class Layer {
        final int batch;
        final int outputs;
        final int inputs;
        /** The batch is read through an index into this many rows; 0 for in order. */
        final int sourceRows;
        final int cursor;
        final int[] order;
        final boolean withBias;
        final boolean accumulate;
        final boolean withExtra;
        final Activation activation;
        float[] x;
        float[] w;
        float[] bias;
        float[] dz;
        float[] saved;
        float[] oldDx;
        float[] oldDw;
        float[] oldDb;

        Layer(Draw draw, int[] shape, Activation[] activations, boolean whole) {
            batch = shape[0];
            outputs = shape[1];
            inputs = shape[2];
            sourceRows = draw.flag() ? batch + draw.below(20) : 0;
            cursor = draw.below(5);
            order = draw.indices(cursor + batch + 3, Math.max(1, sourceRows));
            withBias = draw.flag();
            accumulate = draw.flag();
            withExtra = draw.flag();
            activation = draw.oneOf(activations);
            x = values(draw, whole, Math.max(sourceRows, batch) * inputs);
            w = values(draw, whole, outputs * inputs);
            bias = values(draw, whole, outputs);
            dz = values(draw, whole, batch * outputs);
            saved = values(draw, whole, batch * inputs);
            oldDx = values(draw, whole, batch * inputs);
            oldDw = values(draw, whole, outputs * inputs);
            oldDb = values(draw, whole, outputs);
        }

        private static float[] values(Draw draw, boolean whole, int count) {
            return whole ? draw.integers(count) : draw.reals(count, 1);
        }

        /** The same layer with every number's absolute value: what rounding errors are proportional to. */
        Layer absolute() {
            x = Draw.absolute(x);
            w = Draw.absolute(w);
            bias = Draw.absolute(bias);
            dz = Draw.absolute(dz);
            oldDx = Draw.absolute(oldDx);
            oldDw = Draw.absolute(oldDw);
            oldDb = Draw.absolute(oldDb);
            return this;
        }

        Operation forward(Activation f) {
            return (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                if (withExtra || f.saved() == Activation.Saved.INPUT) {
                    written.put("z", memory.output(batch, outputs));
                }
                written.put("a", memory.output(batch, outputs));
                ops.dense().forward(input(memory), rows(memory), memory.input(w, outputs, inputs),
                    withBias ? memory.input(bias, outputs) : null, f, written.get("z"), written.get("a"));
                return written;
            };
        }

        Operation backwardInput(Activation below) {
            return (ops, memory) -> {
                Tensor dx = memory.stateOrOutput(accumulate, oldDx, batch, inputs);
                ops.dense().backwardInput(memory.input(dz, batch, outputs), memory.input(w, outputs, inputs), below,
                    below == Activation.IDENTITY ? null : memory.input(saved, batch, inputs), accumulate, dx);
                return Map.of("dx", dx);
            };
        }

        Operation backwardWeights() {
            return (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                written.put("dw", memory.stateOrOutput(accumulate, oldDw, outputs, inputs));
                if (withBias) {
                    written.put("db", memory.stateOrOutput(accumulate, oldDb, outputs));
                }
                DenseShape shape = new DenseShape(batch, outputs, inputs);
                if (withExtra) {
                    written.put("squares", memory.output(ops.dense().squarePartials(shape)));
                }
                int scratch = (int) ops.dense().workspace(shape);
                ops.dense().backwardWeights(input(memory), rows(memory), memory.input(dz, batch, outputs), accumulate,
                    written.get("dw"), written.get("db"), written.get("squares"),
                    scratch == 0 ? null : memory.output(scratch));
                return written;
            };
        }

        private Tensor input(Sandbox memory) {
            return memory.input(x, Math.max(sourceRows, batch), inputs);
        }

        private BatchRows rows(Sandbox memory) {
            return sourceRows == 0 ? null
                : new BatchRows(memory.input(order, order.length), memory.input(new int[] {cursor}, 1));
        }

        @Override
        public String toString() {
            return String.format("batch %d, outputs %d, inputs %d, %s%s%s%s%s", batch, outputs, inputs, activation,
                sourceRows == 0 ? "" : ", rows of " + sourceRows + " from " + cursor, withBias ? ", bias" : "",
                accumulate ? ", accumulate" : "", withExtra ? ", extra output" : "");
        }
    }

    @OnEveryDevice
    void wholeNumbersAreExact(TestDevice on) {
        Draw draw = new Draw(11);
        for (int[] shape : draw.shapes(3, SAMPLES, MAX_PRODUCTS)) {
            Layer layer = new Layer(draw, shape, EXACT, true);
            Contract forward = Contract.check(on, "forward, " + layer, layer.forward(layer.activation));
            forward.expectEqual("a");
            if (layer.withExtra) {
                forward.expectEqual("z");
            }
            Contract.check(on, "backward input, " + layer, layer.backwardInput(layer.activation)).expectEqual("dx");
            Contract weights = Contract.check(on, "backward weights, " + layer, layer.backwardWeights());
            weights.expectEqual("dw");
            if (layer.withBias) {
                weights.expectEqual("db");
            }
            if (layer.withExtra) {
                expectSquares(weights);
            }
        }
    }

    @OnEveryDevice
    void realsAreWithinTheRoundingBound(TestDevice on) {
        Draw draw = new Draw(12);
        for (int[] shape : draw.shapes(3, SAMPLES, MAX_PRODUCTS)) {
            Layer layer = new Layer(draw, shape, ALL, false);
            Activation f = layer.activation;
            Contract forward = Contract.check(on, "forward, " + layer, layer.forward(f));
            Contract input = Contract.check(on, "backward input, " + layer, layer.backwardInput(f));
            Contract weights = Contract.check(on, "backward weights, " + layer, layer.backwardWeights());

            layer.absolute();
            float[] z = magnitude(layer.forward(Activation.IDENTITY), "a");
            // 1.8 bounds the slope of every activation; the rest is the activation's own rounding.
            forward.expectWithin("a", i -> 1.8 * rounding(layer.inputs) * z[i] + 8 * ULP * (1 + z[i]));
            if (layer.withExtra) {
                forward.expectWithin("z", i -> rounding(layer.inputs) * z[i]);
            }
            float[] dx = magnitude(layer.backwardInput(Activation.IDENTITY), "dx");
            input.expectWithin("dx", i -> (1.8 * rounding(layer.outputs) + 8 * ULP) * dx[i]);
            float[] dw = magnitude(layer.backwardWeights(), "dw");
            weights.expectWithin("dw", i -> rounding(layer.batch) * dw[i]);
            if (layer.withBias) {
                float[] db = magnitude(layer.backwardWeights(), "db");
                weights.expectWithin("db", i -> rounding(layer.batch) * db[i]);
            }
            if (layer.withExtra) {
                expectSquares(weights);
            }
        }
    }

    @OnEveryDevice
    void nonFiniteValuesComeOutWhereTheOracleHasThem(TestDevice on) {
        Draw draw = new Draw(13);
        for (int[] shape : draw.shapes(3, 8, 200_000)) {
            for (Activation f : EXACT) {
                Layer layer = new Layer(draw, shape, new Activation[] {f}, true);
                layer.x = draw.withNonFinite(layer.x);
                layer.dz = draw.withNonFinite(layer.dz);
                Contract.check(on, "forward, " + layer, layer.forward(f)).expectEqual("a");
                Contract.check(on, "backward input, " + layer, layer.backwardInput(f)).expectEqual("dx");
                Contract weights = Contract.check(on, "backward weights, " + layer, layer.backwardWeights());
                weights.expectEqual("dw");
                if (layer.withExtra) {
                    float sum = sum(weights.actual("squares"));
                    assertEquals(Float.isFinite(sum(weights.expected("squares"))), Float.isFinite(sum),
                        on + ", " + layer + ": squares sum to " + sum);
                }
            }
        }
    }

    @OnEveryDevice
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(14);
        for (int[] shape : new int[][] {{64, 33, 100}, {257, 17, 31}, {3, 129, 127}}) {
            Layer layer = new Layer(draw, shape, ALL, false);
            Contract.checkSchedules(on, "forward, " + layer, layer.forward(layer.activation));
            Contract.checkSchedules(on, "backward input, " + layer, layer.backwardInput(layer.activation));
            Contract.checkSchedules(on, "backward weights, " + layer, layer.backwardWeights());
        }
    }

    @OnEveryDevice
    void wrongShapesAreNamed(TestDevice on) {
        Sandbox.run(on.device(), (ops, memory) -> {
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> ops.dense().forward(
                memory.input(new float[6], 2, 3), null, memory.input(new float[8], 2, 4), null, Activation.IDENTITY,
                null, memory.output(2, 2)));
            assertTrue(e.getMessage().contains(Shape.of(2, 3).toString()), e.getMessage());
            assertTrue(e.getMessage().contains(Shape.of(2, 4).toString()), e.getMessage());
            return Map.of();
        });
    }

    /** Rounding errors of a sum of so many products, each of either sign: they grow with the square root. */
    private static double rounding(int products) {
        return (4 + 2 * Math.sqrt(products)) * ULP;
    }

    private static float[] magnitude(Operation operation, String name) {
        return Sandbox.floats(Sandbox.run(TestDevice.oracle(), operation).get(name));
    }

    /** The partial sums are each backend's own; their total is not. */
    private static void expectSquares(Contract contract) {
        float expected = sum(contract.expected("squares"));
        Bound bound = i -> 1e-5 * expected;
        Contract.expectWithin("sum of square partials", new float[] {expected},
            new float[] {sum(contract.actual("squares"))}, bound);
    }

    private static float sum(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return (float) sum;
    }
}
