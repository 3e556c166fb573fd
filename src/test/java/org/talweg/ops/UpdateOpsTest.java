package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.tensor.Tensor;
import org.talweg.testing.Contract;
import org.talweg.testing.Draw;
import org.talweg.testing.OnEveryDevice;
import org.talweg.testing.Sandbox;
import org.talweg.testing.Sandbox.Operation;
import org.talweg.testing.TestDevice;

/** {@link UpdateOps}: every bit of parameters, moments, counters, controls and log is the oracle's. */
class UpdateOpsTest {
    private static final float INFINITY = Float.POSITIVE_INFINITY;
    private static final int[] LENGTHS = {1, 2, 3, 4, 5, 7, 17, 31, 32, 33, 100, 129, 257, 1023, 4099, 70_001};

    private record Sgd(float momentum, float dampening, boolean nesterov, float weightDecay) {
    }

    private record Adam(float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled) {
    }

    private static final List<Sgd> SGDS = List.of(new Sgd(0, 0, false, 0), new Sgd(0, 0, false, 0.01f),
        new Sgd(0.9f, 0, false, 0), new Sgd(0.9f, 0.5f, false, 0.1f), new Sgd(0.8f, 0, true, 0.01f));
    private static final List<Adam> ADAMS = List.of(new Adam(0.9f, 0.999f, 1e-8f, 0, false),
        new Adam(0.8f, 0.95f, 1e-3f, 0.1f, false), new Adam(0.9f, 0.999f, 1e-8f, 0.01f, true),
        new Adam(0.5f, 0.9f, 1e-6f, 0, true));

    /** {learning rate, step size, √ bias correction 2, clip factor, skip, first step, unused, unused}. */
    private static float[] control(Draw draw, boolean skip, boolean first) {
        return new float[] {0.1f * (1 + draw.below(9)), 0.013f * (1 + draw.below(9)), 0.03f * (1 + draw.below(30)),
            draw.flag() ? 1 : 0.317f, skip ? 1 : 0, first ? 1 : 0, 0, 0};
    }

    private static StepState state(Sandbox memory, float[] control) {
        return new StepState(memory.input(new int[StepState.COUNTERS], StepState.COUNTERS),
            memory.input(control, StepState.CONTROLS), memory.input(new float[1], 1),
            memory.input(new float[StepState.LOG_COLUMNS], 1, StepState.LOG_COLUMNS));
    }

    private static Operation sgd(Sgd s, Draw draw, int n, boolean skip, boolean first) {
        float[] p = draw.wideReals(n);
        float[] g = draw.wideReals(n);
        float[] b = draw.wideReals(n);
        if (first) {
            // Whatever the buffer holds before the first step must not matter.
            Arrays.fill(b, Float.NaN);
        }
        float[] control = control(draw, skip, first);
        return (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("p", memory.state(p, n));
            if (s.momentum != 0) {
                written.put("b", memory.state(b, n));
            }
            ops.update().sgd(written.get("p"), memory.input(g, n), written.get("b"), state(memory, control), s.momentum,
                s.dampening, s.nesterov, s.weightDecay);
            return written;
        };
    }

    private static Operation adam(Adam a, Draw draw, int n, boolean skip) {
        float[] p = draw.wideReals(n);
        float[] g = draw.wideReals(n);
        float[] m = draw.wideReals(n);
        float[] v = Draw.absolute(draw.wideReals(n));
        float[] control = control(draw, skip, false);
        return (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("p", memory.state(p, n));
            written.put("m", memory.state(m, n));
            written.put("v", memory.state(v, n));
            ops.update().adam(written.get("p"), memory.input(g, n), written.get("m"), written.get("v"), state(memory, control),
                a.beta1, a.beta2, a.epsilon, a.weightDecay, a.decoupled);
            return written;
        };
    }

    @OnEveryDevice
    void sgdMatchesToTheBit(TestDevice on) {
        Draw draw = new Draw(41);
        for (int n : LENGTHS) {
            for (Sgd s : n > 10_000 ? List.of(draw.oneOf(SGDS.toArray(Sgd[]::new))) : SGDS) {
                boolean first = draw.flag();
                Contract.check(on, s + " of " + n + (first ? ", first step" : ""), sgd(s, draw, n, false, first))
                    .expectSameBits();
            }
        }
    }

    @OnEveryDevice
    void adamMatchesToTheBit(TestDevice on) {
        Draw draw = new Draw(42);
        for (int n : LENGTHS) {
            for (Adam a : n > 10_000 ? List.of(draw.oneOf(ADAMS.toArray(Adam[]::new))) : ADAMS) {
                Contract.check(on, a + " of " + n, adam(a, draw, n, false)).expectSameBits();
            }
        }
    }

    @OnEveryDevice
    void aSkippedUpdateChangesNoBit(TestDevice on) {
        Draw draw = new Draw(43);
        for (int n : new int[] {1, 33, 1023}) {
            float[] nan = new float[n];
            Arrays.fill(nan, Float.NaN);
            float[][] old = {draw.wideReals(n), draw.wideReals(n), draw.wideReals(n)};
            float[] control = control(draw, true, draw.flag());
            Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                for (int i = 0; i < 3; i++) {
                    written.put("sgd " + i, memory.state(old[i], n));
                    written.put("adam " + i, memory.state(old[i], n));
                }
                ops.update().sgd(written.get("sgd 0"), memory.input(nan, n), written.get("sgd 1"), state(memory, control), 0.9f,
                    0, false, 0.1f);
                ops.update().sgd(written.get("sgd 2"), memory.input(nan, n), null, state(memory, control), 0, 0, false, 0.1f);
                ops.update().adam(written.get("adam 0"), memory.input(nan, n), written.get("adam 1"), written.get("adam 2"),
                    state(memory, control), 0.9f, 0.999f, 1e-8f, 0.1f, true);
                return written;
            });
            for (int i = 0; i < 3; i++) {
                assertArrayEquals(Sandbox.bits(old[i]), results.get("sgd " + i), on + ", sgd, tensor " + i);
                assertArrayEquals(Sandbox.bits(old[i]), results.get("adam " + i), on + ", adam, tensor " + i);
            }
        }
    }

    /** Several whole steps: prepare, then Adam and SGD; a non-finite norm in the middle. */
    private static Operation steps(Draw draw, int batch, int partials, int n, float maxNorm, boolean withHits,
                                   int stepsBefore) {
        float[] badPartials = {Float.NaN, INFINITY, 3e38f};
        int count = 6;
        float[][] losses = new float[count][];
        float[][] hits = new float[count][];
        float[][] squares = new float[count][];
        float[][] gradients = new float[count][];
        for (int i = 0; i < count; i++) {
            losses[i] = draw.exact(batch);
            hits[i] = draw.exact(batch);
            squares[i] = draw.exact(partials);
            gradients[i] = draw.wideReals(n);
        }
        // Twice in the middle; 3e38 is finite alone, and so is the sum in double: that step is taken.
        squares[2][draw.below(partials)] = badPartials[draw.below(3)];
        squares[3][partials - 1] = badPartials[draw.below(3)];
        float[] rates = Draw.absolute(draw.reals(count, 0.1));
        float[] p = draw.wideReals(n);
        return (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("counters", memory.state(new int[] {0, stepsBefore, 0, 7}, StepState.COUNTERS));
            written.put("control", memory.state(new float[StepState.CONTROLS], StepState.CONTROLS));
            written.put("log", memory.output(count, StepState.LOG_COLUMNS));
            for (String name : List.of("p", "m", "v", "q", "b")) {
                written.put(name, name.equals("p") || name.equals("q") ? memory.state(p, n)
                    : memory.state(new float[n], n));
            }
            StepState state = new StepState(written.get("counters"), written.get("control"),
                memory.input(rates, count), written.get("log"));
            for (int i = 0; i < count; i++) {
                ops.update().prepareStep(state, memory.input(losses[i], batch), withHits ? memory.input(hits[i], batch) : null,
                    memory.input(squares[i], partials), maxNorm, 0.9f, 0.999f);
                Tensor g = memory.input(gradients[i], n);
                ops.update().adam(written.get("p"), g, written.get("m"), written.get("v"), state, 0.9f, 0.999f, 1e-8f, 0.01f,
                    true);
                ops.update().sgd(written.get("q"), g, written.get("b"), state, 0.9f, 0, true, 0.01f);
            }
            return written;
        };
    }

    @OnEveryDevice
    void wholeStepsMatchToTheBit(TestDevice on) {
        Draw draw = new Draw(44);
        int[] stepsBefore = {0, 0, 1, 9, 998, 123_456_789};
        for (int i = 0; i < 12; i++) {
            int batch = draw.extent();
            int partials = 1 + draw.below(3000);
            int n = draw.extent();
            float maxNorm = i % 3 == 0 ? INFINITY : i % 3 == 1 ? 1 : 1e-3f;
            int before = stepsBefore[i % stepsBefore.length];
            boolean hits = draw.flag();
            Contract.check(on, "six steps after " + before + ", batch " + batch + ", " + partials + " partials, "
                + n + " parameters, max norm " + maxNorm + (hits ? ", hits" : ""),
                steps(draw, batch, partials, n, maxNorm, hits, before)).expectSameBits();
        }
    }

    @OnEveryDevice
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(45);
        Contract.checkSchedules(on, "six steps", steps(draw, 64, 1500, 1023, 1, true, 0)).expectSameBits();
    }

    @OnEveryDevice
    void aNonFiniteNormSkipsAndCounts(TestDevice on) {
        for (float bad : new float[] {Float.NaN, INFINITY}) {
            Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
                Map<String, Tensor> written = new LinkedHashMap<>();
                written.put("counters", memory.state(new int[] {1, 5, 2, 10}, StepState.COUNTERS));
                written.put("control", memory.state(new float[StepState.CONTROLS], StepState.CONTROLS));
                written.put("log", memory.output(3, StepState.LOG_COLUMNS));
                StepState state = new StepState(written.get("counters"), written.get("control"),
                    memory.input(new float[3], 3), written.get("log"));
                ops.update().prepareStep(state, memory.input(new float[] {1, 2, 3}, 3), null,
                    memory.input(new float[] {1, bad, 2}, 3), 1, 0.9f, 0.999f);
                return written;
            });
            assertArrayEquals(new int[] {2, 5, 3, 13}, results.get("counters"), on + ", norm " + bad);
            assertEquals(1, Sandbox.floats(results.get("control"))[StepState.CONTROL_SKIP], on + ", norm " + bad);
            float[] row = Arrays.copyOfRange(Sandbox.floats(results.get("log")), StepState.LOG_COLUMNS,
                2 * StepState.LOG_COLUMNS);
            assertEquals(2, row[StepState.LOG_LOSS], on + ", norm " + bad);
            assertTrue(Float.isNaN(row[StepState.LOG_HITS]), on + ", norm " + bad);
            assertEquals(bad, row[StepState.LOG_GRADIENT_NORM], on + ", norm " + bad);
            assertEquals(1, row[StepState.LOG_SKIPPED], on + ", norm " + bad);
        }
    }

    @OnEveryDevice
    void sumOfSquaresMatches(TestDevice on) {
        Draw draw = new Draw(46);
        for (int n : LENGTHS) {
            for (float[] x : new float[][] {draw.integers(n), draw.reals(n, 1), draw.withNonFinite(draw.reals(n, 1))}) {
                Contract contract = Contract.checkSchedules(on, "sum of squares of " + n, (ops, memory) -> {
                    Tensor partials = memory.output(ops.update().squarePartials(n));
                    ops.update().sumOfSquares(memory.input(x, n), partials);
                    return Map.of("partials", partials);
                });
                double expected = sum(contract.expected("partials"));
                double actual = sum(contract.actual("partials"));
                if (Double.isFinite(expected)) {
                    assertEquals(expected, actual, expected * 1e-6, on + ", " + n);
                } else {
                    assertEquals(Double.isNaN(expected), Double.isNaN(actual), on + ", " + n + ": " + actual);
                    assertEquals(Double.isInfinite(expected), Double.isInfinite(actual), on + ", " + n);
                }
            }
        }
    }

    @OnEveryDevice
    void aMomentumBufferGoesWithMomentum(TestDevice on) {
        Draw draw = new Draw(47);
        Sandbox.run(on.device(), (ops, memory) -> {
            Tensor p = memory.input(new float[3], 3);
            StepState state = state(memory, control(draw, false, false));
            assertThrows(IllegalArgumentException.class, () -> ops.update().sgd(p, p, null, state, 0.9f, 0, false, 0));
            assertThrows(IllegalArgumentException.class, () -> ops.update().sgd(p, p, p, state, 0, 0, false, 0));
            return Map.of();
        });
    }

    private static double sum(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum;
    }
}
