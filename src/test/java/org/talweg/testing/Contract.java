package org.talweg.testing;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.Arrays;
import java.util.Map;
import org.talweg.cuda.SoftwareDriver;
import org.talweg.ops.Device;
import org.talweg.testing.Sandbox.Operation;

/** Runs an operation on a backend and on the oracle with the same inputs, and compares what they wrote. */
public final class Contract {
    private static final int SCHEDULE_SEEDS = 5;

    private final String label;
    private final Map<String, int[]> expected;
    private final Map<String, int[]> actual;

    private Contract(String label, Map<String, int[]> expected, Map<String, int[]> actual) {
        this.label = label;
        this.expected = expected;
        this.actual = actual;
    }

    /** Runs {@code operation} once on the oracle and twice on the device, whose two results must be the same bits. */
    public static Contract check(TestDevice on, String label, Operation operation) {
        Device device = on.device();
        try {
            Map<String, int[]> first = Sandbox.run(device, operation);
            Map<String, int[]> second = Sandbox.run(device, operation);
            expectSame("run twice", first, second);
            return new Contract(on + ", " + label, Sandbox.run(TestDevice.oracle(), operation), first);
        } catch (AssertionError e) {
            throw new AssertionError(on + ", " + label + ": " + e.getMessage(), e);
        }
    }

    /** As {@link #check}; on the software device the bits must also not depend on the order of blocks and warps. */
    public static Contract checkSchedules(TestDevice on, String label, Operation operation) {
        Contract contract = check(on, label, operation);
        if (on.isSoftware()) {
            // Where all tests run under a seed already, the natural order is the other one.
            int seeds = SoftwareDevice.settings().schedule() == 0 ? SCHEDULE_SEEDS : 0;
            try {
                for (int seed = Math.min(1, seeds); seed <= seeds; seed++) {
                    SoftwareDriver.scheduleSeed(seed);
                    expectSame(contract.label + " under schedule " + seed, contract.actual,
                        Sandbox.run(on.device(), operation));
                }
            } finally {
                SoftwareDevice.restoreSettings();
            }
        }
        return contract;
    }

    /** Whether the operation wrote a result of this name. */
    public boolean has(String name) {
        return expected.containsKey(name);
    }

    public float[] expected(String name) {
        return Sandbox.floats(expected.get(name));
    }

    public float[] actual(String name) {
        return Sandbox.floats(actual.get(name));
    }

    /** All results have the oracle's bits; a NaN may have any payload. */
    public void expectSameBits() {
        expected.forEach((name, bits) -> {
            int[] others = actual.get(name);
            assertEquals(bits.length, others.length, label + ": length of " + name);
            for (int i = 0; i < bits.length; i++) {
                if (bits[i] != others[i] && !(isNaN(bits[i]) && isNaN(others[i]))) {
                    fail(String.format("%s: %s[%d] is %s (%08x), the oracle says %s (%08x)", label, name, i,
                        Float.intBitsToFloat(others[i]), others[i], Float.intBitsToFloat(bits[i]), bits[i]));
                }
            }
        });
    }

    /** The result equals the oracle's, zeros of either sign being one value. */
    public void expectEqual(String name) {
        expectWithin(name, i -> 0);
    }

    /** Largest difference allowed for one element. */
    @FunctionalInterface
    public interface Bound {
        double at(int i);
    }

    /** Each element is within its bound of the oracle's; NaN and infinities must be the same. */
    public void expectWithin(String name, Bound bound) {
        expectWithin(label + ": " + name, expected(name), actual(name), bound);
    }

    public static void expectWithin(String what, float[] expected, float[] actual, Bound bound) {
        assertEquals(expected.length, actual.length, what + ": length");
        for (int i = 0; i < expected.length; i++) {
            float e = expected[i];
            float a = actual[i];
            boolean close = Float.isFinite(e) && Float.isFinite(a)
                ? Math.abs((double) e - a) <= bound.at(i)
                : Float.compare(e, a) == 0;
            if (!close) {
                fail(String.format("%s[%d] is %s, the oracle says %s; allowed difference %s", what, i, a, e,
                    bound.at(i)));
            }
        }
    }

    private static void expectSame(String what, Map<String, int[]> first, Map<String, int[]> second) {
        assertEquals(first.keySet(), second.keySet());
        first.forEach((name, bits) ->
            assertArrayEquals(ofOneNaN(bits), ofOneNaN(second.get(name)), what + ": bits of " + name));
    }

    /** All NaNs made one: the sign of a NaN in Java depends on which compiler made the code. */
    private static int[] ofOneNaN(int[] bits) {
        return Arrays.stream(bits).map(value -> isNaN(value) ? 0x7fc00000 : value).toArray();
    }

    private static boolean isNaN(int bits) {
        return Float.isNaN(Float.intBitsToFloat(bits));
    }
}
