package org.talweg.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.talweg.ops.Device;
import org.talweg.tensor.HostBuffer;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Sandbox.Operation;

/** The test harness must notice what it is there to notice. */
class SandboxTest {
    private final Device device = TestDevice.oracle();

    @Test
    void aWriteBeyondTheOutputIsFound() {
        for (int at : new int[] {-1, 3}) {
            AssertionError e = assertThrows(AssertionError.class, () -> Sandbox.run(device, (ops, memory) -> {
                Tensor output = memory.output(3);
                ((HostBuffer) output.buffer()).set(output.offset() + at, 1);
                return Map.of("x", output);
            }));
            assertTrue(e.getMessage().contains("fence"), e.getMessage());
        }
    }

    @Test
    void aChangedInputIsFound() {
        AssertionError e = assertThrows(AssertionError.class, () -> Sandbox.run(device, (ops, memory) -> {
            ops.data().zero(memory.input(new float[] {0, -0f, 0}, 3));
            return Map.of();
        }));
        assertTrue(e.getMessage().contains("input number 0"), e.getMessage());
    }

    @Test
    void anOutputLeftUnwrittenIsFound() {
        TestDevice reference = TestDevice.named("reference");
        Contract contract = Contract.check(reference, "nothing", (ops, memory) -> Map.of("x", memory.output(2)));
        assertThrows(AssertionError.class, () -> Contract.expectWithin("x", new float[2], contract.actual("x"), i -> 1));
    }

    @Test
    void resultsThatDifferFromCallToCallAreFound() {
        Random random = new Random(1);
        Operation unsteady = (ops, memory) -> Map.of("x", memory.state(new float[] {random.nextFloat()}, 1));
        AssertionError e = assertThrows(AssertionError.class,
            () -> Contract.check(TestDevice.named("reference"), "unsteady", unsteady));
        assertTrue(e.getMessage().contains("run twice"), e.getMessage());
    }

    @Test
    void nonFiniteValuesMustBeTheSame() {
        float nan = Float.NaN;
        float infinity = Float.POSITIVE_INFINITY;
        float[][] pairs = {{nan, 0}, {0, nan}, {infinity, 1e38f}, {1e38f, infinity}, {infinity, -infinity}, {nan, infinity}};
        for (float[] pair : pairs) {
            assertThrows(AssertionError.class, () -> Contract.expectWithin("x", new float[] {pair[0]},
                new float[] {pair[1]}, i -> Double.MAX_VALUE));
        }
        Contract.expectWithin("x", new float[] {nan, infinity}, new float[] {nan, infinity}, i -> 0);
    }

    @Test
    void everythingIsFreed() {
        long before = device.bytesAllocated();
        Sandbox.run(device, (ops, memory) -> Map.of("x", memory.state(new int[5], 5)));
        assertEquals(before, device.bytesAllocated());
    }
}
