package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Map;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.Sandbox.Operation;
import org.talweg.testing.TestDevice;

/** {@link RandomOps}: uniform numbers to the bit, normal ones to rounding, and both as distributed as they say. */
class RandomOpsTest {
    private static final long[] SEEDS = {0, 42, -1, 0x0123456789abcdefL};

    @OnEveryDevice
    void uniformMatchesToTheBit(TestDevice on) {
        Draw draw = new Draw(61);
        for (long seed : SEEDS) {
            for (int[] shape : draw.shapes(1, 6, 1000)) {
                Contract.check(on, "uniform, seed " + seed + ", " + shape[0],
                    uniform(shape[0], seed, seed * 3 + 1, -0.3f, 1.7f)).expectSameBits();
            }
        }
        Contract.checkSchedules(on, "uniform 5001", uniform(5001, 7, 8, 0, 1)).expectSameBits();
    }

    @OnEveryDevice
    void normalMatches(TestDevice on) {
        Draw draw = new Draw(62);
        float mean = 0.25f;
        float deviation = 1.5f;
        for (long seed : SEEDS) {
            for (int[] shape : draw.shapes(1, 6, 1000)) {
                // The absolute error of sine and cosine times a radius that is rarely above 4.
                Contract.check(on, "normal, seed " + seed + ", " + shape[0],
                    normal(shape[0], seed, seed * 5 - 2, mean, deviation))
                    .expectWithin("x", i -> 0x1p-20 * (mean + deviation));
            }
        }
        Contract.checkSchedules(on, "normal 5001", normal(5001, 7, 8, 0, 1)).expectWithin("x", i -> 0x1p-20);
    }

    @OnEveryDevice
    void longFillsHaveTheRightMoments(TestDevice on) {
        int n = 40_000;
        double[] u = moments(Sandbox.run(on.device(), uniform(n, 5, 0, -1, 3)).get("x"));
        // Bounds of five standard errors; the seed is fixed, so this cannot fail by chance.
        assertEquals(1, u[0], 5 * Math.sqrt(16.0 / 12 / n), on + ": uniform mean");
        assertEquals(16.0 / 12, u[1], 0.03, on + ": uniform variance");
        double[] z = moments(Sandbox.run(on.device(), normal(n, 6, 1, 2, 0.5f)).get("x"));
        assertEquals(2, z[0], 5 * 0.5 / Math.sqrt(n), on + ": normal mean");
        assertEquals(0.25, z[1], 5 * 0.25 * Math.sqrt(2.0 / n), on + ": normal variance");
    }

    @OnEveryDevice
    void uniformStaysInItsRange(TestDevice on) {
        for (float x : Sandbox.floats(Sandbox.run(on.device(), uniform(20_000, 9, 9, 0, 1)).get("x"))) {
            assertTrue(x >= 0 && x < 1, on + ": " + x);
        }
    }

    private record Dropout(float[] x, float rate, long seed, int layer, long first, int[] steps) {
        Operation operation(boolean accumulate, boolean inPlace, float[] old) {
            return (ops, memory) -> {
                Tensor input = inPlace ? memory.state(x, x.length) : memory.input(x, x.length);
                Tensor output = inPlace ? input : memory.stateOrOutput(accumulate, old, x.length);
                ops.random().dropout(input, rate, seed, layer, first, memory.input(steps, 2), accumulate, output);
                return Map.of("x", output);
            };
        }
    }

    @OnEveryDevice
    void dropoutMatchesToTheBit(TestDevice on) {
        Draw draw = new Draw(63);
        for (long seed : SEEDS) {
            for (int[] shape : draw.shapes(1, 6, 1000)) {
                float[] x = draw.withNonFinite(draw.reals(shape[0], 3));
                float[] old = draw.reals(shape[0], 3);
                float rate = draw.oneOf(new Float[] {0f, 0.1f, 0.5f, 0.9f, 1f});
                Dropout dropout = new Dropout(x, rate, seed, 1 + draw.below(9), draw.below(7), new int[] {draw.below(100), 3});
                boolean inPlace = draw.flag();
                Contract.check(on, "dropout " + rate + " of " + shape[0], dropout.operation(false, inPlace, old))
                    .expectSameBits();
                Contract.check(on, "dropout " + rate + " of " + shape[0] + ", accumulate",
                    dropout.operation(true, false, old)).expectWithin("x", i -> 0x1p-23 * (30 + Math.abs(old[i])));
            }
        }
        Contract.checkSchedules(on, "dropout 5001",
            new Dropout(draw.reals(5001, 1), 0.3f, 7, 8, 2, new int[] {1, 0}).operation(false, false, null))
            .expectSameBits();
    }

    /** Expectation, independence of the launch shape, and another mask for each step, skipped or not, and layer. */
    @OnEveryDevice
    void dropoutKeepsTheExpectationAndItsMaskFollowsFromTheStep(TestDevice on) {
        int n = 20_000;
        float[] ones = new float[n];
        Arrays.fill(ones, 1);
        for (float rate : new float[] {0.1f, 0.5f, 0.8f}) {
            float[] kept = dropped(on, ones, rate, 1, 3, 0);
            double sum = 0;
            for (float value : kept) {
                assertTrue(value == 0 || value == RandomOps.dropoutScale(rate), on + ": " + value);
                sum += value;
            }
            // Five standard errors of a sum of Bernoulli variables; the seed is fixed.
            assertEquals(1, sum / n, 5 * Math.sqrt(rate / (1 - rate) / n), on + ": mean at rate " + rate);
            float[] start = dropped(on, Arrays.copyOf(ones, 101), rate, 1, 3, 0);
            assertArrayEquals(start, Arrays.copyOf(kept, 101), on + ": the mask of a shorter tensor");
            float[] later = Sandbox.floats(Sandbox.run(on.device(), new Dropout(Arrays.copyOf(ones, 50), rate, 5, 1, 33,
                new int[] {3, 0}).operation(false, false, null)).get("x"));
            assertArrayEquals(Arrays.copyOfRange(kept, 33, 83), later, on + ": a later part of a batch");
            assertArrayEquals(kept, dropped(on, ones, rate, 1, 2, 1), on + ": a skipped step counts like another");
            for (float[] other : new float[][] {dropped(on, ones, rate, 1, 4, 0), dropped(on, ones, rate, 1, 3, 1),
                dropped(on, ones, rate, 2, 3, 0)}) {
                int same = 0;
                for (int i = 0; i < n; i++) {
                    same += kept[i] == other[i] ? 1 : 0;
                }
                double expected = 1 - 2 * rate * (1 - rate);
                assertEquals(expected, same / (double) n, 5 * Math.sqrt(0.25 / n), on + ": agreement of two masks");
            }
        }
    }

    private static float[] dropped(TestDevice on, float[] x, float rate, int layer, int steps, int skipped) {
        return Sandbox.floats(Sandbox.run(on.device(),
            new Dropout(x, rate, 5, layer, 0, new int[] {steps, skipped}).operation(false, false, null)).get("x"));
    }

    private static Operation uniform(int n, long seed, long stream, float low, float high) {
        return (ops, memory) -> {
            Tensor x = memory.output(n);
            ops.random().fillUniform(x, seed, stream, low, high);
            return Map.of("x", x);
        };
    }

    private static Operation normal(int n, long seed, long stream, float mean, float deviation) {
        return (ops, memory) -> {
            Tensor x = memory.output(n);
            ops.random().fillNormal(x, seed, stream, mean, deviation);
            return Map.of("x", x);
        };
    }

    private static double[] moments(int[] bits) {
        double sum = 0;
        double squares = 0;
        for (float x : Sandbox.floats(bits)) {
            sum += x;
            squares += (double) x * x;
        }
        double mean = sum / bits.length;
        return new double[] {mean, squares / bits.length - mean * mean};
    }
}
