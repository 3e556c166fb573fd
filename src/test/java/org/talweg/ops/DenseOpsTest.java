package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Contract.Bound;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryChip;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.Sandbox.Operation;
import org.talweg.testing.SoftwareDevice;
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
        Precision precision = Precision.FLOAT32;
        /** Whether the device knows the weights beforehand. */
        boolean planned;
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
                ops.dense().at(precision).forward(input(ops, memory), rows(ops, memory), weights(ops, memory),
                    withBias ? memory.input(bias, outputs) : null, f, written.get("z"), written.get("a"));
                return written;
            };
        }

        Operation backwardInput(Activation below) {
            return (ops, memory) -> {
                Tensor dx = memory.stateOrOutput(accumulate, oldDx, batch, inputs);
                ops.dense().at(precision).backwardInput(memory.input(dz, batch, outputs), weights(ops, memory), below,
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
                    written.put("squares", memory.output(ops.dense().at(precision).squarePartials(shape)));
                }
                int scratch = (int) ops.dense().at(precision).workspace(shape);
                ops.dense().at(precision).backwardWeights(input(ops, memory), rows(ops, memory),
                    memory.input(dz, batch, outputs), accumulate, written.get("dw"), written.get("db"),
                    written.get("squares"), scratch == 0 ? null : memory.output(scratch));
                return written;
            };
        }

        /** Both backward products in one call, or one after the other. */
        Operation backward(Activation below, boolean grouped) {
            return (ops, memory) -> {
                if (!grouped) {
                    Map<String, Tensor> written = new LinkedHashMap<>(backwardWeights().run(ops, memory));
                    written.putAll(backwardInput(below).run(ops, memory));
                    return written;
                }
                DenseOps dense = ops.dense().at(precision);
                DenseShape shape = new DenseShape(batch, outputs, inputs);
                Map<String, Tensor> written = new LinkedHashMap<>();
                written.put("dw", memory.stateOrOutput(accumulate, oldDw, outputs, inputs));
                if (withBias) {
                    written.put("db", memory.stateOrOutput(accumulate, oldDb, outputs));
                }
                if (withExtra) {
                    written.put("squares", memory.output(dense.squarePartials(shape)));
                }
                int scratch = (int) dense.workspace(shape);
                Tensor workspace = scratch == 0 ? null : memory.output(scratch);
                written.put("dx", memory.stateOrOutput(accumulate, oldDx, batch, inputs));
                dense.backward(input(ops, memory), rows(ops, memory), memory.input(dz, batch, outputs), accumulate,
                    written.get("dw"), written.get("db"), written.get("squares"), workspace,
                    weights(ops, memory), below,
                    below == Activation.IDENTITY ? null : memory.input(saved, batch, inputs), accumulate, written.get("dx"));
                return written;
            };
        }

        private Tensor weights(Ops ops, Sandbox memory) {
            Tensor weights = memory.input(w, outputs, inputs);
            if (planned) {
                while (weights.offset() % 4 != 0) {
                    weights = memory.input(w, outputs, inputs);
                }
                ops.dense().at(precision).plan(new DenseShape(batch, outputs, inputs), weights);
            }
            return weights;
        }

        private Tensor input(Ops ops, Sandbox memory) {
            if (sourceRows == 0 || readsRows(ops)) {
                return memory.input(x, Math.max(sourceRows, batch), inputs);
            }
            float[] gathered = new float[batch * inputs];
            for (int i = 0; i < batch; i++) {
                System.arraycopy(x, order[cursor + i] * inputs, gathered, i * inputs, inputs);
            }
            return memory.input(gathered, batch, inputs);
        }

        private boolean readsRows(Ops ops) {
            return ops.dense().at(precision).readsRows(new DenseShape(batch, outputs, inputs));
        }

        private BatchRows rows(Ops ops, Sandbox memory) {
            return sourceRows == 0 || !readsRows(ops) ? null
                : new BatchRows(memory.input(order, order.length), memory.input(new int[] {cursor}, 1));
        }

        @Override
        public String toString() {
            return String.format("%s, batch %d, outputs %d, inputs %d, %s%s%s%s%s", precision, batch, outputs, inputs,
                activation,
                sourceRows == 0 ? "" : ", rows of " + sourceRows + " from " + cursor, withBias ? ", bias" : "",
                accumulate ? ", accumulate" : "", withExtra ? ", extra output" : "");
        }
    }

    @OnEveryChip
    void wholeNumbersAreExact(TestDevice on) {
        Draw draw = new Draw(11);
        for (int[] shape : draw.shapes(3, SAMPLES, MAX_PRODUCTS)) {
            expectExact(on, new Layer(draw, shape, EXACT, true));
        }
    }

    /** Small whole numbers need no rounding, and their sums are exact in every order. */
    @ParameterizedTest
    @MethodSource("tensorCores")
    void wholeNumbersAreExactOnTensorCores(TestDevice on, Precision precision) {
        Draw draw = new Draw(15);
        for (int[] shape : draw.shapes(3, 10, MAX_PRODUCTS)) {
            Layer layer = new Layer(draw, shape, EXACT, true);
            layer.precision = precision;
            expectExact(on, layer);
        }
    }

    private static void expectExact(TestDevice on, Layer layer) {
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
            expectSquares(weights, 0);
        }
    }

    /** Every backend with every precision but the usual one. */
    static Stream<Arguments> tensorCores() {
        return TestDevice.all().stream().flatMap(on -> Stream.of(Precision.TF32, Precision.TF32X3, Precision.BF16)
            .map(precision -> Arguments.of(on, precision)));
    }

    @OnEveryChip
    void realsAreWithinTheRoundingBound(TestDevice on) {
        Draw draw = new Draw(12);
        for (int[] shape : draw.shapes(3, SAMPLES, MAX_PRODUCTS)) {
            expectClose(on, new Layer(draw, shape, ALL, false), 0);
        }
    }

    /** The oracle rounds operands as the tensor cores do; a backend without them is off by that rounding at most. */
    @ParameterizedTest
    @MethodSource("tensorCores")
    void realsAreRoundedAsThePrecisionSays(TestDevice on, Precision precision) {
        double operand = switch (precision) {
            case TF32 -> 0x1p-11;
            case BF16 -> 0x1p-8;
            default -> 0x1p-22;
        };
        boolean rounds = roundsOperands(on);
        Draw draw = new Draw(16);
        for (int[] shape : draw.shapes(3, 10, MAX_PRODUCTS)) {
            Layer layer = new Layer(draw, shape, ALL, false);
            layer.precision = precision;
            expectClose(on, layer, rounds && precision != Precision.TF32X3 ? 0 : 3 * operand);
        }
    }

    /** Whether operands are rounded exactly as the oracle does it. */
    boolean roundsOperands(TestDevice on) {
        return !on.toString().equals("cpu");
    }

    /** @param product relative error of one product, beside the rounding of sums */
    private static void expectClose(TestDevice on, Layer layer, double product) {
        Activation f = layer.activation;
        Contract forward = Contract.check(on, "forward, " + layer, layer.forward(f));
        Contract input = Contract.check(on, "backward input, " + layer, layer.backwardInput(f));
        Contract weights = Contract.check(on, "backward weights, " + layer, layer.backwardWeights());

        layer.absolute();
        float[] z = magnitude(layer.forward(Activation.IDENTITY), "a");
        // 1.8 bounds the slope of every activation; the rest is the activation's own rounding.
        forward.expectWithin("a", i -> 1.8 * (product + rounding(layer.inputs)) * z[i] + 8 * ULP * (1 + z[i]));
        if (layer.withExtra) {
            forward.expectWithin("z", i -> (product + rounding(layer.inputs)) * z[i]);
        }
        float[] dx = magnitude(layer.backwardInput(Activation.IDENTITY), "dx");
        input.expectWithin("dx", i -> (1.8 * (product + rounding(layer.outputs)) + 8 * ULP) * dx[i]);
        float[] dw = magnitude(layer.backwardWeights(), "dw");
        weights.expectWithin("dw", i -> (product + rounding(layer.batch)) * dw[i]);
        if (layer.withBias) {
            float[] db = magnitude(layer.backwardWeights(), "db");
            weights.expectWithin("db", i -> rounding(layer.batch) * db[i]);
        }
        if (layer.withExtra) {
            expectSquares(weights, product);
        }
    }

    /** One launch or two: the same bits of every result, in every shape and precision. */
    @OnEveryChip
    void bothBackwardProductsTogetherAreWhatTheyAreAlone(TestDevice on) {
        Draw draw = new Draw(18);
        for (int[] shape : draw.shapes(3, 12, MAX_PRODUCTS)) {
            expectSameBitsTogether(on, new Layer(draw, shape, ALL, false), Precision.values());
        }
    }

    /**
     * Batch, outputs and inputs for which the software device takes tiles of 128 and 64, 128 and 32, 64 and 32, 64, 32, the
     * weights' for both, and two launches; some split the batch.
     */
    @ParameterizedTest
    @CsvSource({"100, 256, 500", "40, 256, 500", "40, 100, 384", "100, 100, 384", "300, 100, 384", "300, 20, 400",
        "600, 20, 150", "150, 100, 300", "600, 100, 100"})
    void productsOfDifferentTilesTogether(int batch, int outputs, int inputs) {
        Layer layer = new Layer(new Draw(19), new int[] {batch, outputs, inputs}, ALL, false);
        expectSameBitsTogether(TestDevice.accelerator(), layer, Precision.FLOAT32, Precision.BF16);
        if (TestDevice.accelerator().isSoftware()) {
            expectSameBitsTogether(TestDevice.olderChip(), layer, Precision.FLOAT32);
        }
    }

    /** However tiles get into shared memory, sums run in the order of k: every tiling, whole quads or not, rows in order or not. */
    @ParameterizedTest
    @CsvSource({"70, 10, 67", "33, 12, 40", "257, 130, 200", "300, 384, 384", "40, 512, 500", "390, 390, 130",
        "384, 384, 61"})
    void productsHaveTheBitsOfAnOlderChip(int batch, int outputs, int inputs) {
        Assumptions.assumeTrue(TestDevice.accelerator().isSoftware(), "a GPU is no older chip");
        int layers = SoftwareDevice.isPlain() ? 3 : 1;
        for (int seed = 20; seed < 20 + layers; seed++) {
            Layer layer = new Layer(new Draw(seed), new int[] {batch, outputs, inputs}, ALL, false);
            for (Operation operation : List.of(layer.forward(layer.activation), layer.backward(layer.activation, true))) {
                Map<String, int[]> older = Sandbox.run(TestDevice.olderChip().device(), operation);
                Map<String, int[]> newer = Sandbox.run(TestDevice.accelerator().device(), operation);
                older.forEach((name, bits) -> assertArrayEquals(bits, newer.get(name), layer + ": " + name));
            }
        }
    }

    private static void expectSameBitsTogether(TestDevice on, Layer layer, Precision... precisions) {
        for (Precision precision : precisions) {
            layer.precision = precision;
            Map<String, int[]> alone = Sandbox.run(on.device(), layer.backward(layer.activation, false));
            Map<String, int[]> together = Sandbox.run(on.device(), layer.backward(layer.activation, true));
            assertEquals(alone.keySet(), together.keySet());
            alone.forEach((name, bits) -> assertArrayEquals(bits, together.get(name), on + ", " + layer + ": " + name));
        }
    }

    @OnEveryChip
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

    /** What the three products of {@link Precision#TF32X3} make of an infinity may be NaN, but never a number. */
    @ParameterizedTest
    @MethodSource("tensorCores")
    void nonFiniteValuesPassTheTensorCores(TestDevice on, Precision precision) {
        Draw draw = new Draw(17);
        for (int[] shape : draw.shapes(3, 6, 200_000)) {
            Layer layer = new Layer(draw, shape, new Activation[] {Activation.IDENTITY}, true);
            layer.precision = precision;
            layer.x = draw.withNonFinite(layer.x);
            layer.dz = draw.withNonFinite(layer.dz);
            expectNonFinite(Contract.check(on, "forward, " + layer, layer.forward(layer.activation)), "a");
            expectNonFinite(Contract.check(on, "input, " + layer, layer.backwardInput(layer.activation)), "dx");
            expectNonFinite(Contract.check(on, "weights, " + layer, layer.backwardWeights()), "dw");
        }
    }

    private static void expectNonFinite(Contract contract, String name) {
        float[] expected = contract.expected(name);
        float[] actual = contract.actual(name);
        for (int i = 0; i < expected.length; i++) {
            assertEquals(Float.isFinite(expected[i]), Float.isFinite(actual[i]), name + "[" + i + "]: " + actual[i]);
        }
    }

    @OnEveryChip
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(14);
        for (int[] shape : new int[][] {{64, 33, 100}, {257, 17, 31}, {3, 129, 127}}) {
            Layer layer = new Layer(draw, shape, ALL, false);
            for (Precision precision : new Precision[] {Precision.FLOAT32, Precision.TF32X3, Precision.BF16}) {
                layer.precision = precision;
                Contract.checkSchedules(on, "forward, " + layer, layer.forward(layer.activation));
                Contract.checkSchedules(on, "backward input, " + layer, layer.backwardInput(layer.activation));
                Contract.checkSchedules(on, "backward weights, " + layer, layer.backwardWeights());
                Contract.checkSchedules(on, "backward, " + layer, layer.backward(layer.activation, true));
            }
        }
    }

    /** A device may keep a shorter copy of weights that it knows beforehand: no bit shows it, whatever the schedule. */
    @OnEveryChip
    void weightsThatAreKnownBeforehandGiveTheSameBits(TestDevice on) {
        Draw draw = new Draw(21);
        for (int[] shape : new int[][] {{64, 33, 100}, {3, 129, 128}, {150, 20, 200}}) {
            Layer layer = new Layer(draw, shape, ALL, false);
            layer.precision = Precision.BF16;
            for (Operation operation : List.of(layer.forward(layer.activation), layer.backwardInput(layer.activation),
                layer.backward(layer.activation, true))) {
                layer.planned = false;
                Map<String, int[]> unknown = Sandbox.run(on.device(), operation);
                layer.planned = true;
                Map<String, int[]> known = Sandbox.run(on.device(), operation);
                unknown.forEach((name, bits) -> assertArrayEquals(bits, known.get(name), on + ", " + layer + ": " + name));
                Contract.checkSchedules(on, "planned, " + layer, operation);
            }
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
    private static void expectSquares(Contract contract, double product) {
        float expected = sum(contract.expected("squares"));
        Bound bound = i -> (1e-5 + 2 * product) * expected;
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
