package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
