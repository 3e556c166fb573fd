package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.FloatRange;
import net.jqwik.api.constraints.IntRange;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Draw;
import org.talweg.testing.Sandbox;
import org.talweg.testing.Sandbox.Operation;
import org.talweg.testing.TestDevice;

/** What holds for softmax, normalisation and dropout of any values. */
class LayerPropertiesTest {
    private static final int TRIES = 60;

    private static float[] run(Operation operation) {
        return Sandbox.floats(Sandbox.run(TestDevice.named("cpu").device(), operation).get("y"));
    }

    private static double sum(float[] values, int start, int count) {
        double sum = 0;
        for (int i = start; i < start + count; i++) {
            sum += values[i];
        }
        return sum;
    }

    @Property(tries = TRIES)
    void softmaxRowsAreProbabilitiesWhoseGradientsSumToZero(@ForAll @IntRange(min = 1, max = 6) int rows,
        @ForAll @IntRange(min = 1, max = 70) int columns, @ForAll @FloatRange(min = 0, max = 1000) float scale,
        @ForAll long seed) {
        Draw draw = new Draw(seed);
        float[] z = draw.reals(rows * columns, scale);
        float[] p = run((ops, memory) -> {
            Tensor y = memory.output(rows, columns);
            ops.activation().softmax(memory.input(z, rows, columns), false, y);
            return Map.of("y", y);
        });
        float[] g = draw.reals(rows * columns, 1);
        float[] dz = run((ops, memory) -> {
            Tensor y = memory.output(rows, columns);
            ops.activation().softmaxBackward(memory.input(g, rows, columns), memory.input(p, rows, columns), false,
                false, y);
            return Map.of("y", y);
        });
        for (int row = 0; row < rows; row++) {
            assertEquals(1, sum(p, row * columns, columns), 1e-6);
            assertEquals(0, sum(dz, row * columns, columns), 1e-6);
        }
        for (float value : p) {
            assertTrue(value >= 0 && value <= 1, "probability " + value);
        }
    }

    /** Whatever a row is multiplied by and whatever is added to all of it. */
    @Property(tries = TRIES)
    void layerNormForgetsScaleAndShift(@ForAll @IntRange(min = 2, max = 80) int columns,
        @ForAll @FloatRange(min = 0.01f, max = 100) float scale, @ForAll @FloatRange(min = -100, max = 100) float shift,
        @ForAll long seed) {
        float[] x = new Draw(seed).reals(columns, 1);
        x[0] = 1;
        x[1] = -1;
        float[] moved = new float[columns];
        for (int i = 0; i < columns; i++) {
            moved[i] = scale * x[i] + shift;
        }
        float[] expected = layerNorm(x);
        float[] actual = layerNorm(moved);
        // What the addition rounded away, on the scale of the row.
        double error = 1e-5 + 4e-7 * Math.abs(shift) / scale * Math.sqrt(columns);
        double squares = 0;
        for (int i = 0; i < columns; i++) {
            assertEquals(expected[i], actual[i], error * 4);
            squares += (double) actual[i] * actual[i];
        }
        assertEquals(0, sum(actual, 0, columns) / columns, error);
        assertEquals(1, squares / columns, 1e-4);
    }

    private static float[] layerNorm(float[] x) {
        return run((ops, memory) -> {
            Tensor y = memory.output(1, x.length);
            ops.normalisation().layerNorm(memory.input(x, 1, x.length), null, null, 0, memory.output(1),
                memory.output(1), y);
            return Map.of("y", y);
        });
    }

    /** A given mean and variance act on each value alone, so a row is the same in any batch. */
    @Property(tries = TRIES)
    void batchNormWithGivenStatisticsTreatsRowsAlone(@ForAll @IntRange(min = 1, max = 9) int rows,
        @ForAll @IntRange(min = 1, max = 40) int columns, @ForAll long seed) {
        Draw draw = new Draw(seed);
        float[] x = draw.reals(rows * columns, 5);
        float[] mean = draw.reals(columns, 1);
        float[] variance = Draw.absolute(draw.reals(columns, 2));
        float[] together = batchNorm(x, rows, mean, variance);
        for (int row = 0; row < rows; row++) {
            float[] alone = batchNorm(Arrays.copyOfRange(x, row * columns, (row + 1) * columns), 1, mean,
                variance);
            for (int j = 0; j < columns; j++) {
                assertEquals(alone[j], together[row * columns + j]);
            }
        }
    }

    private static float[] batchNorm(float[] x, int rows, float[] mean, float[] variance) {
        int columns = mean.length;
        return run((ops, memory) -> {
            Tensor y = memory.output(rows, columns);
            ops.normalisation().batchNorm(memory.input(x, rows, columns), null, null, 1e-5f, false,
                memory.input(mean, columns), memory.input(variance, columns), y);
            return Map.of("y", y);
        });
    }

    /** Kept values are scaled, the others 0, and the gradient goes through the same mask. */
    @Property(tries = TRIES)
    void dropoutMasksValuesAndGradientsAlike(@ForAll @IntRange(min = 1, max = 500) int length,
        @ForAll @FloatRange(min = 0, max = 1) float rate, @ForAll @IntRange(min = 0, max = 1 << 30) int step,
        @ForAll long seed) {
        Draw draw = new Draw(seed);
        float[] x = draw.reals(length, 1);
        float[] g = draw.reals(length, 1);
        float[] y = dropout(x, rate, step, seed);
        float[] dx = dropout(g, rate, step, seed);
        float scale = RandomOps.dropoutScale(rate);
        for (int i = 0; i < length; i++) {
            boolean kept = y[i] != 0 || x[i] == 0 && dx[i] != 0;
            assertEquals(kept ? x[i] * scale : 0, y[i]);
            assertEquals(kept ? g[i] * scale : 0, dx[i]);
        }
    }

    private static float[] dropout(float[] x, float rate, int step, long seed) {
        return run((ops, memory) -> {
            Tensor y = memory.output(x.length);
            ops.random().dropout(memory.input(x, x.length), rate, seed, 1, 0, memory.input(new int[] {step, 0}, 2),
                false, y);
            return Map.of("y", y);
        });
    }
}
