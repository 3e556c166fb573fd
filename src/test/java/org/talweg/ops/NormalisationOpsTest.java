package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
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

/** {@link NormalisationOps} within rounding bounds: sums of n terms err by about √n roundings of their magnitude. */
class NormalisationOpsTest {
    private static final double ULP = 0x1p-24;
    private static final int SAMPLES = 16;
    private static final int MAX_ELEMENTS = 20_000;
    private static final float EPSILON = 1e-5f;

    /** One normalisation's data. Rows and columns have a mean far from 0 and a deviation near 1. */
    private static final class Data {
        final int rows;
        final int columns;
        final boolean affine;
        final boolean biased;
        final boolean accumulate;
        final boolean fromBatch;
        final boolean inPlace;
        final float[] x;
        final float[] w;
        final float[] b;
        final float[] dy;
        final float[] rowMean;
        final float[] rowInverse;
        final float[] columnMean;
        final float[] columnVariance;
        final float[] oldDx;
        final float[] oldDw;
        final float[] oldDb;

        Data(Draw draw, int[] shape) {
            rows = shape[0];
            columns = shape[1];
            affine = draw.flag();
            biased = affine && draw.flag();
            accumulate = draw.flag();
            fromBatch = draw.flag();
            inPlace = !accumulate && draw.flag();
            x = draw.reals(rows * columns, 2);
            for (int i = 0; i < x.length; i++) {
                x[i] += 3;
            }
            w = draw.reals(columns, 1);
            b = draw.reals(columns, 1);
            dy = draw.reals(rows * columns, 1);
            rowMean = draw.reals(rows, 1);
            rowInverse = Draw.absolute(draw.reals(rows, 2));
            columnMean = draw.reals(columns, 1);
            columnVariance = Draw.absolute(draw.reals(columns, 2));
            oldDx = draw.reals(rows * columns, 1);
            oldDw = draw.reals(columns, 1);
            oldDb = draw.reals(columns, 1);
        }

        Tensor weight(Sandbox memory) {
            return affine ? memory.input(w, columns) : null;
        }

        Tensor bias(Sandbox memory) {
            return biased ? memory.input(b, columns) : null;
        }

        Operation layerNorm(boolean centred) {
            return (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                if (centred) {
                    written.put("mean", memory.output(rows));
                }
                written.put("inverse", memory.output(rows));
                written.put("y", memory.output(rows, columns));
                ops.normalisation().layerNorm(memory.input(x, rows, columns), weight(memory), bias(memory), EPSILON,
                    written.get("mean"), written.get("inverse"), written.get("y"));
                return written;
            };
        }

        Operation layerNormBackward(boolean centred) {
            return (ops, memory) -> {
                Map<String, Tensor> written = gradients(ops, memory, true);
                Tensor mean = centred ? memory.input(rowMean, rows) : null;
                Tensor inverse = memory.input(rowInverse, rows);
                Tensor in = memory.input(x, rows, columns);
                Tensor gradient = inPlace ? written.get("dx") : memory.input(dy, rows, columns);
                // The weights first: in place, the input gradient overwrites what they are made from.
                ops.normalisation().layerNormBackwardWeights(gradient, in, mean, inverse, accumulate,
                    written.get("dw"), written.get("db"), written.get("squares"));
                ops.normalisation().layerNormBackwardInput(gradient, in, weight(memory), mean, inverse, accumulate,
                    written.get("dx"));
                return written;
            };
        }

        Operation batchNorm() {
            return (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                written.put("mean", fromBatch ? memory.output(columns) : memory.input(columnMean, columns));
                written.put("variance", fromBatch ? memory.output(columns) : memory.input(columnVariance, columns));
                written.put("y", memory.output(rows, columns));
                ops.normalisation().batchNorm(memory.input(x, rows, columns), weight(memory), bias(memory), EPSILON,
                    fromBatch, written.get("mean"), written.get("variance"), written.get("y"));
                return written;
            };
        }

        Operation batchNormBackward() {
            return (ops, memory) -> {
                Map<String, Tensor> written = gradients(ops, memory, affine);
                ops.normalisation().batchNormBackward(
                    inPlace ? written.get("dx") : memory.input(dy, rows, columns), memory.input(x, rows, columns),
                    weight(memory), EPSILON, fromBatch, memory.input(columnMean, columns),
                    memory.input(columnVariance, columns), accumulate, written.get("dw"), written.get("db"),
                    written.get("squares"), accumulate, written.get("dx"));
                return written;
            };
        }

        private Map<String, Tensor> gradients(Ops ops, Sandbox memory, boolean weights) {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("dx", inPlace ? memory.state(dy, rows, columns)
                : memory.stateOrOutput(accumulate, oldDx, rows, columns));
            if (weights) {
                written.put("dw", memory.stateOrOutput(accumulate, oldDw, columns));
                if (biased) {
                    written.put("db", memory.stateOrOutput(accumulate, oldDb, columns));
                }
                written.put("squares", memory.output(ops.normalisation().squarePartials(columns)));
            }
            return written;
        }

        @Override
        public String toString() {
            return rows + "×" + columns + (affine ? biased ? ", weight and bias" : ", weight" : "")
                + (accumulate ? ", accumulate" : "") + (inPlace ? ", in place" : "")
                + (fromBatch ? ", of the batch" : ", given");
        }
    }

    @OnEveryDevice
    void layerAndRmsNormMatch(TestDevice on) {
        Draw draw = new Draw(91);
        for (int[] shape : draw.shapes(2, SAMPLES, MAX_ELEMENTS)) {
            Data data = new Data(draw, shape);
            for (boolean centred : new boolean[] {true, false}) {
                String name = (centred ? "layer norm " : "RMS norm ") + data;
                Contract forward = Contract.check(on, name, data.layerNorm(centred));
                float[] inverse = forward.expected("inverse");
                double spread = 8 * rounding(data.columns);
                if (centred) {
                    forward.expectWithin("mean", i -> 5 * spread);
                }
                // An error of the mean, relative to the deviation: all there is where a row has one column.
                forward.expectWithin("inverse", i -> inverse[i] * (spread + 25 * spread * spread * inverse[i] * inverse[i]));
                forward.expectWithin("y", i -> 5 * spread * (1 + inverse[i / data.columns]));
                Contract backward = Contract.check(on, name + ", backward", data.layerNormBackward(centred));
                expectInputGradient(backward, i -> square(5 * data.rowInverse[i / data.columns]), data.columns);
                expectWeightGradients(backward, 10);
            }
        }
    }

    @OnEveryDevice
    void batchNormMatches(TestDevice on) {
        Draw draw = new Draw(92);
        for (int[] shape : draw.shapes(2, SAMPLES, MAX_ELEMENTS)) {
            shape[0] += 1;
            Data data = new Data(draw, shape);
            Contract forward = Contract.check(on, "batch norm " + data, data.batchNorm());
            double spread = 8 * rounding(data.rows);
            float[] variance = forward.expected("variance");
            if (data.fromBatch) {
                forward.expectWithin("mean", i -> 5 * spread);
                forward.expectWithin("variance", i -> variance[i] * spread + 25 * spread * spread);
            }
            forward.expectWithin("y", i -> 5 * spread * (1 + 1 / Math.sqrt(variance[i % data.columns] + EPSILON)));
            Contract backward = Contract.check(on, "batch norm backward " + data, data.batchNormBackward());
            expectInputGradient(backward, i -> 36 / (data.columnVariance[i % data.columns] + EPSILON), data.rows);
            expectWeightGradients(backward, 10 / Math.sqrt(EPSILON));
        }
    }

    private static double square(double value) {
        return 1 + value * value;
    }

    /** @param magnitude bounds the terms of each element */
    private static void expectInputGradient(Contract contract, Contract.Bound magnitude, int terms) {
        float[] dx = contract.expected("dx");
        contract.expectWithin("dx", i -> rounding(terms) * (magnitude.at(i) + Math.abs(dx[i])));
    }

    private static void expectWeightGradients(Contract contract, double magnitude) {
        for (String name : new String[] {"dw", "db"}) {
            if (contract.has(name)) {
                double largest = magnitude;
                for (float value : contract.expected(name)) {
                    largest = Math.max(largest, Math.abs(value));
                }
                double bound = 1e-6 * largest;
                contract.expectWithin(name, i -> bound);
            }
        }
        if (contract.has("squares")) {
            double expected = sum(contract.expected("squares"));
            assertEquals(expected, sum(contract.actual("squares")), 1e-5 * expected + 1e-9, "sum of square partials");
        }
    }

    /** Per row and per column, whatever the weights: mean 0 and variance 1. */
    @OnEveryDevice
    void outputsHaveMeanZeroAndVarianceOne(TestDevice on) {
        Draw draw = new Draw(93);
        for (int[] shape : new int[][] {{3, 64}, {64, 3}, {100, 257}, {9, 1500}}) {
            float[] x = draw.reals(shape[0] * shape[1], 10);
            for (int i = 0; i < x.length; i++) {
                x[i] += 100;
            }
            float[] rows = result(on, "y", (ops, memory) -> {
                Tensor y = memory.output(shape);
                ops.normalisation().layerNorm(memory.input(x, shape), null, null, 0, memory.output(shape[0]),
                    memory.output(shape[0]), y);
                return Map.of("y", y);
            });
            for (int i = 0; i < shape[0]; i++) {
                expectStandard(on + ", row " + i, rows, i * shape[1], 1, shape[1]);
            }
            float[] columns = result(on, "y", (ops, memory) -> {
                Tensor y = memory.output(shape);
                ops.normalisation().batchNorm(memory.input(x, shape), null, null, 0, true, memory.output(shape[1]),
                    memory.output(shape[1]), y);
                return Map.of("y", y);
            });
            for (int j = 0; j < shape[1]; j++) {
                expectStandard(on + ", column " + j, columns, j, shape[1], shape[0]);
            }
        }
    }

    private static void expectStandard(String label, float[] values, int start, int step, int count) {
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < count; i++) {
            sum += values[start + i * step];
            squares += square(values[start + i * step]) - 1;
        }
        assertEquals(0, sum / count, 2e-5, label + ": mean");
        assertEquals(1, squares / count, 1e-4, label + ": variance");
    }

    @OnEveryDevice
    void runningStatisticsBlendUnlessTheStepIsSkipped(TestDevice on) {
        Draw draw = new Draw(94);
        for (int n : new int[] {1, 33, 300}) {
            float[] mean = draw.reals(n, 1);
            float[] variance = Draw.absolute(draw.reals(n, 1));
            float[] oldMean = draw.reals(n, 1);
            float[] oldVariance = Draw.absolute(draw.reals(n, 1));
            for (float skip : new float[] {0, 1}) {
                Contract contract = Contract.check(on, "running statistics of " + n, (ops, memory) -> {
                    Tensor runningMean = memory.state(oldMean, n);
                    Tensor runningVariance = memory.state(oldVariance, n);
                    ops.normalisation().updateRunningStatistics(memory.input(new float[] {skip}, 1),
                        memory.input(mean, n), memory.input(variance, n), 7, 0.1f, runningMean, runningVariance);
                    return Map.of("mean", runningMean, "variance", runningVariance);
                });
                contract.expectWithin("mean", i -> 4 * ULP);
                contract.expectWithin("variance", i -> 4 * ULP);
                for (int i = 0; i < n; i++) {
                    double expected = skip == 1 ? oldVariance[i] : 0.9 * oldVariance[i] + 0.1 * variance[i] * 7 / 6;
                    assertEquals(expected, contract.actual("variance")[i], 8 * ULP, on + ": unbiased variance");
                }
            }
        }
    }

    @OnEveryDevice
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(95);
        for (int[] shape : new int[][] {{65, 100}, {3, 1300}}) {
            Data data = new Data(draw, shape);
            Contract.checkSchedules(on, "layer norm " + data, data.layerNorm(true));
            Contract.checkSchedules(on, "layer norm backward " + data, data.layerNormBackward(true));
            Contract.checkSchedules(on, "batch norm " + data, data.batchNorm());
            Contract.checkSchedules(on, "batch norm backward " + data, data.batchNormBackward());
        }
    }

    @OnEveryDevice
    void nonFiniteValuesComeOutWhereTheOracleHasThem(TestDevice on) {
        Draw draw = new Draw(96);
        float[] x = draw.withNonFinite(draw.reals(8 * 5, 1));
        Contract rows = Contract.check(on, "layer norm of NaN and infinities", (ops, memory) -> {
            Tensor y = memory.output(8, 5);
            ops.normalisation().layerNorm(memory.input(x, 8, 5), null, null, EPSILON, memory.output(8),
                memory.output(8), y);
            return Map.of("y", y);
        });
        rows.expectWithin("y", i -> 1e-5);
        Contract columns = Contract.check(on, "batch norm of NaN and infinities", (ops, memory) -> {
            Tensor y = memory.output(8, 5);
            ops.normalisation().batchNorm(memory.input(x, 8, 5), null, null, EPSILON, true, memory.output(5),
                memory.output(5), y);
            return Map.of("y", y);
        });
        columns.expectWithin("y", i -> 1e-5);
    }

    @OnEveryDevice
    void whatDoesNotFitIsSaid(TestDevice on) {
        Sandbox.run(on.device(), (ops, memory) -> {
            Tensor x = memory.input(new float[6], 2, 3);
            assertMessage("weight, bias or statistics of columns has shape [2], expected [3]",
                () -> ops.normalisation().layerNorm(x, memory.input(new float[2], 2), null, EPSILON, null,
                    memory.output(2), memory.output(2, 3)));
            assertMessage("needs at least 2 rows in a batch, not 1", () -> ops.normalisation().batchNorm(
                memory.input(new float[3], 1, 3), null, null, EPSILON, true, memory.output(3), memory.output(3),
                memory.output(1, 3)));
            return Map.of();
        });
    }

    private static void assertMessage(String part, Runnable action) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        assertTrue(message.contains(part), message);
    }

    private static double rounding(int terms) {
        return (4 + 2 * Math.sqrt(terms)) * ULP;
    }

    private static float[] result(TestDevice on, String name, Operation operation) {
        return Sandbox.floats(Sandbox.run(on.device(), operation).get(name));
    }

    private static double sum(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum;
    }
}
