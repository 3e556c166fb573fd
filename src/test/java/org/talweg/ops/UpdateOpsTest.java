package org.talweg.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.MeasuredRule;
import org.talweg.tensor.Shape;
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

    /** Every rule with every branch in it. */
    private static final List<UpdateRule> RULES = List.of(
        new UpdateRule.Sgd(false, 0, false, false, 0), new UpdateRule.Sgd(false, 0, false, false, 0.01f),
        new UpdateRule.Sgd(true, 0, false, false, 0), new UpdateRule.Sgd(true, 0.5f, false, false, 0.1f),
        new UpdateRule.Sgd(true, 0, true, false, 0.01f), new UpdateRule.Sgd(true, 0, false, true, 0.01f),
        new UpdateRule.Sgd(true, 0, true, true, 0),
        new UpdateRule.Adam(0.999f, 1e-8f, 0, false, false, 0, false), new UpdateRule.Adam(0.95f, 1e-3f, 0.1f, false, true, 0, false),
        new UpdateRule.Adam(0.999f, 1e-8f, 0.01f, true, false, 0, false), new UpdateRule.Adam(0.9f, 1e-6f, 0.1f, true, true, 0, false),
        new UpdateRule.Adam(0.999f, 1e-8f, 0.1f, false, false, 1e-4f, false),
        new UpdateRule.Adam(0.9f, 1e-8f, 0, false, true, 1e-4f, true), new UpdateRule.Adam(0.9f, 1e-8f, 0.1f, true, true, 0, true),
        new AdaptiveRule.Adagrad(0.1f, 0.01f, 0.1f, 1e-10f, false), new AdaptiveRule.Adagrad(0, 0, 0, 1e-7f, true),
        new AdaptiveRule.RmsProp(0.99f, 1e-8f, 0, false, false, false, false, false),
        new AdaptiveRule.RmsProp(0.9f, 1e-3f, 0.1f, false, true, false, true, false),
        new AdaptiveRule.RmsProp(0.9f, 1e-6f, 0, true, false, false, false, false),
        new AdaptiveRule.RmsProp(0.9f, 1e-4f, 0.01f, true, true, true, true, false),
        new AdaptiveRule.RmsProp(0.9f, 1e-8f, 0.1f, false, false, false, true, true),
        new AdaptiveRule.RmsProp(0.9f, 1e-6f, 0, true, true, false, false, true),
        new AdaptiveRule.Adadelta(0.9f, 1e-6f, 0), new AdaptiveRule.Adadelta(0.95f, 1e-6f, 0.1f),
        new AdaptiveRule.Adamax(0.999f, 1e-8f, 0), new AdaptiveRule.Adamax(0.95f, 1e-3f, 0.1f),
        new AdaptiveRule.NAdam(0.999f, 1e-8f, 0.1f, false, 0.004f), new AdaptiveRule.NAdam(0.9f, 1e-3f, 0.1f, true, 0.01f),
        new AdaptiveRule.NAdam(0.999f, 1e-8f, 0, false, INFINITY), new AdaptiveRule.RAdam(0.9f, 1e-3f, 0, false, true),
        new AdaptiveRule.RAdam(0.999f, 1e-8f, 0, false, false), new AdaptiveRule.RAdam(0.9f, 1e-3f, 0.1f, true, false),
        new AdaptiveRule.Lion(0.99f, 0), new AdaptiveRule.Lion(0.9f, 0.1f),
        new AdaptiveRule.ScheduleFree(0.999f, 1e-8f, 0), new AdaptiveRule.ScheduleFree(0.9f, 1e-3f, 0.1f));
    private static final List<UpdateRule> TWO_PHASES = List.of(new MeasuredRule.Lamb(0.999f, 1e-6f, 0.01f),
        new MeasuredRule.Lamb(0.9f, 1e-3f, 0), new MeasuredRule.Prodigy(0.999f, 1e-8f, 0, 1e-6f, 1),
        new MeasuredRule.Prodigy(0.9f, 1e-3f, 0.1f, 1e-2f, 0.5f),
        new MeasuredRule.Muon(1e-7f, 0.1f, true, false, new UpdateRule.Adam(0.999f, 1e-8f, 0.1f, true, false, 0, false), 0.9f, 0.5f),
        new MeasuredRule.Muon(1e-7f, 0, false, true, new UpdateRule.Adam(0.9f, 1e-8f, 0, true, false, 0, false), 0.8f, 1));
    private static final UpdateRule SGD = RULES.get(0);
    private static final UpdateRule ADAM = new UpdateRule.Adam(0.999f, 1e-8f, 0.01f, true, false, 0, false);

    /** What prepareStep would write for some step. */
    private static float[] control(Draw draw, UpdateRule rule, boolean skip, boolean first) {
        float[] control = new float[StepState.CONTROLS];
        control[StepState.CONTROL_LEARNING_RATE] = 0.1f * (1 + draw.below(9));
        control[StepState.CONTROL_MOMENTUM] = draw.flag() ? 0.9f : 0.5f;
        control[StepState.CONTROL_CLIP_FACTOR] = draw.oneOf(new Float[] {1f, 0.317f, -1f, -0.25f});
        control[StepState.CONTROL_CLIP_LOW] = draw.flag() ? -INFINITY : -0.75f;
        control[StepState.CONTROL_CLIP_HIGH] = draw.flag() ? INFINITY : 0.5f;
        control[StepState.CONTROL_SKIP] = skip ? 1 : 0;
        control[StepState.CONTROL_FIRST_STEP] = first ? 1 : 0;
        double[] scalars = new double[UpdateRule.SCALARS];
        double[] memory = {0.5, 0.25, 0.125, 0};
        rule.scalars(first ? 1 : 2 + draw.below(30), control[StepState.CONTROL_LEARNING_RATE],
            control[StepState.CONTROL_MOMENTUM], memory, scalars);
        for (int i = 0; i < scalars.length; i++) {
            control[StepState.CONTROL_RULE + i] = (float) scalars[i];
        }
        return control;
    }

    private static StepState state(Sandbox memory, float[] control) {
        return new StepState(memory.input(new int[StepState.COUNTERS], StepState.COUNTERS),
            memory.input(control, StepState.CONTROLS),
            memory.input(new int[2 * UpdateRule.MEMORY], 2 * UpdateRule.MEMORY),
            memory.input(new float[StepState.SCHEDULE_COLUMNS], 1, StepState.SCHEDULE_COLUMNS),
            memory.input(new float[StepState.LOG_COLUMNS], 1, StepState.LOG_COLUMNS));
    }

    /** @param segments lengths of segments, or none for no table */
    private static Operation apply(UpdateRule rule, Draw draw, int n, boolean first, Segment... segments) {
        float[] p = draw.wideReals(n);
        float[] g = draw.wideReals(n);
        float[][] buffers = new float[rule.buffers()][];
        for (int k = 0; k < buffers.length; k++) {
            buffers[k] = k == 0 ? draw.wideReals(n) : Draw.absolute(draw.wideReals(n));
            if (first && rule instanceof UpdateRule.Sgd sgd && !sgd.velocity()) {
                // Whatever the buffer holds before the first step must not matter.
                Arrays.fill(buffers[k], Float.NaN);
            }
        }
        float[] control = control(draw, rule, false, first);
        float[] factors = Draw.absolute(draw.reals(segments.length, 1));
        return (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("p", memory.state(p, n));
            List<Tensor> state = new ArrayList<>();
            for (int k = 0; k < buffers.length; k++) {
                state.add(memory.state(buffers[k], n));
                written.put("state " + k, state.get(k));
            }
            Segments table = segments.length == 0 ? null : memory.segments(segments);
            if (table != null) {
                memory.upload(factors, table.factors());
            }
            ops.update().apply(rule, written.get("p"), memory.input(g, n), state, table, state(memory, control));
            return written;
        };
    }

    @OnEveryDevice
    void everyRuleMatchesToTheBit(TestDevice on) {
        Draw draw = new Draw(41);
        for (int n : LENGTHS) {
            for (UpdateRule rule : n > 10_000 ? List.of(draw.oneOf(RULES.toArray(UpdateRule[]::new))) : RULES) {
                boolean first = draw.flag();
                Contract.check(on, rule + " of " + n + (first ? ", first step" : ""), apply(rule, draw, n, first))
                    .expectSameBits();
            }
        }
    }

    /** Multipliers, factors, a frozen segment in the middle, padding, and a segment of several chunks. */
    @OnEveryDevice
    void segmentsMatchToTheBit(TestDevice on) {
        Draw draw = new Draw(42);
        for (UpdateRule rule : RULES) {
            Contract.check(on, rule + " with segments", apply(rule, draw, 2200, draw.flag(),
                new Segment("a", 0, Shape.of(5), 1, 0, false), new Segment("b", 8, Shape.of(3, 7), 0.5f, 1, true),
                new Segment("c", 32, Shape.of(43, 50), 0.25f, 3, false), new Segment("d", 2184, Shape.of(1), 0, 1, false),
                new Segment("e", 2188, Shape.of(12), 2, 1, false))).expectSameBits();
        }
    }

    @OnEveryDevice
    void frozenSegmentsAndPaddingKeepTheirBits(TestDevice on) {
        float[] ones = new float[24];
        Arrays.fill(ones, 1);
        float[] quarters = new float[24];
        Arrays.fill(quarters, 0.25f);
        UpdateRule adam = new UpdateRule.Adam(0.999f, 1e-8f, 0.1f, true, false, 0, false);
        float[] control = control(new Draw(5), adam, false, false);
        Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
            Tensor p = memory.state(ones, 24);
            List<Tensor> moments = List.of(memory.state(ones, 24), memory.state(ones, 24));
            ops.update().apply(adam, p, memory.input(quarters, 24), moments,
                memory.segments(new Segment("a", 0, Shape.of(5), 1, 1, false),
                    new Segment("b", 8, Shape.of(8), 1, 1, true), new Segment("c", 16, Shape.of(7), 0, 0, false)),
                state(memory, control));
            return Map.of("p", p, "m", moments.get(0), "v", moments.get(1));
        });
        results.forEach((name, bits) -> {
            float[] values = Sandbox.floats(bits);
            for (int i = 0; i < 24; i++) {
                boolean touched = i < 5 || i >= 16 && i < 23 && !name.equals("p");
                assertEquals(touched, values[i] != 1, on + ", " + name + "[" + i + "] is " + values[i]);
            }
        });
    }

    @OnEveryDevice
    void aSkippedUpdateChangesNoBit(TestDevice on) {
        Draw draw = new Draw(43);
        for (int n : new int[] {1, 33, 1023}) {
            for (UpdateRule rule : RULES) {
                float[] nan = new float[n];
                Arrays.fill(nan, Float.NaN);
                float[] old = draw.wideReals(n);
                float[] control = control(draw, rule, true, draw.flag());
                Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
                    Map<String, Tensor> written = new LinkedHashMap<>();
                    written.put("p", memory.state(old, n));
                    List<Tensor> state = new ArrayList<>();
                    for (int k = 0; k < rule.buffers(); k++) {
                        state.add(memory.state(old, n));
                        written.put("state " + k, state.get(k));
                    }
                    ops.update().apply(rule, written.get("p"), memory.input(nan, n), state, null,
                        state(memory, control));
                    return written;
                });
                results.forEach((name, bits) ->
                    assertArrayEquals(Sandbox.bits(old), bits, on + ", " + rule + ", " + name));
            }
        }
    }

    /** Several whole steps of preparation and update; a non-finite norm in the middle. */
    private static Operation steps(Draw draw, UpdateRule rule, int batch, int partials, int n, ClipRule clip,
                                   boolean withHits, int stepsBefore) {
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
        float[] schedule = new float[count * StepState.SCHEDULE_COLUMNS];
        for (int i = 0; i < count; i++) {
            schedule[2 * i] = Draw.absolute(draw.reals(1, 0.1))[0];
            schedule[2 * i + 1] = 0.95f - 0.01f * i;
        }
        float[] p = draw.wideReals(n);
        return (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("counters", memory.state(new int[] {0, stepsBefore, 0, 7}, StepState.COUNTERS));
            written.put("control", memory.state(new float[StepState.CONTROLS], StepState.CONTROLS));
            written.put("memory", memory.state(new int[2 * UpdateRule.MEMORY], 2 * UpdateRule.MEMORY));
            written.put("log", memory.output(count, StepState.LOG_COLUMNS));
            written.put("p", memory.state(p, n));
            List<Tensor> buffers = new ArrayList<>();
            for (int k = 0; k < rule.buffers(); k++) {
                buffers.add(memory.state(new float[n], n));
                written.put("state " + k, buffers.get(k));
            }
            StepState state = new StepState(written.get("counters"), written.get("control"), written.get("memory"),
                memory.input(schedule, count, StepState.SCHEDULE_COLUMNS), written.get("log"));
            for (int i = 0; i < count; i++) {
                ops.update().prepareStep(state, rule, clip, memory.input(losses[i], batch),
                    withHits ? memory.input(hits[i], batch) : null, memory.input(squares[i], partials));
                ops.update().apply(rule, written.get("p"), memory.input(gradients[i], n), buffers, null, state);
            }
            return written;
        };
    }

    /** Several whole steps of a rule of two phases; the third is skipped. */
    private static Operation phases(UpdateRule rule, Draw draw, Segment... list) {
        int n = 2200;
        float[] p = draw.reals(n, 1);
        float[][] gradients = new float[5][];
        for (int i = 0; i < gradients.length; i++) {
            gradients[i] = draw.reals(n, 1);
        }
        float[] factors = Draw.absolute(draw.reals(list.length, 1));
        return (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("p", memory.state(p, n));
            List<Tensor> buffers = new ArrayList<>();
            for (int k = 0; k < rule.buffers(); k++) {
                buffers.add(memory.state(new float[n], n));
                written.put("state " + k, buffers.get(k));
            }
            Segments segments = memory.segments(list);
            memory.upload(factors, segments.factors());
            written.put("ratios", segments.ratios());
            written.put("partials", memory.output(segments.count(), 2));
            float[] schedule = {0.1f, 0.9f, 0.2f, 0.8f, 0.1f, 0.9f, 0.3f, 0.95f, 0.1f, 0.9f};
            written.put("control", memory.state(new float[StepState.CONTROLS], StepState.CONTROLS));
            written.put("memory", memory.state(new int[2 * UpdateRule.MEMORY], 2 * UpdateRule.MEMORY));
            StepState state = new StepState(memory.state(new int[StepState.COUNTERS], StepState.COUNTERS),
                written.get("control"), written.get("memory"), memory.input(schedule, 5, StepState.SCHEDULE_COLUMNS),
                memory.output(5, StepState.LOG_COLUMNS));
            for (int i = 0; i < gradients.length; i++) {
                Tensor g = memory.input(gradients[i], n);
                ops.update().prepareStep(state, rule, clip(1, 2), memory.input(new float[1], 1), null,
                    memory.input(new float[] {i == 2 ? Float.NaN : i}, 1));
                ops.update().measure(rule, written.get("p"), g, buffers, segments, state, written.get("partials"));
                ops.update().settle(rule, segments, state, written.get("partials"));
                if (rule instanceof MeasuredRule.Muon) {
                    ops.update().scale(buffers.get(1), segments);
                    g = buffers.get(1);
                }
                ops.update().apply(rule, written.get("p"), g, buffers, segments, state);
            }
            return written;
        };
    }

    /** The sums are taken in double, where their order matters in the last bits alone, and rounded to float32. */
    @OnEveryDevice
    void rulesOfTwoPhasesMatchToTheBit(TestDevice on) {
        Draw draw = new Draw(50);
        for (UpdateRule rule : TWO_PHASES) {
            Contract.checkSchedules(on, rule.toString(), phases(rule, draw, new Segment("a", 0, Shape.of(5), 1, 0, false),
                new Segment("b", 8, Shape.of(3, 7), 0.5f, 1, true), new Segment("c", 32, Shape.of(43, 50), 0.25f, 3, false),
                new Segment("d", 2184, Shape.of(1), 0, 1, false), new Segment("e", 2188, Shape.of(12), 2, 1, false)))
                .expectSameBits();
        }
    }

    @OnEveryDevice
    void polynomialsOfMatricesMatchToTheBit(TestDevice on) {
        Draw draw = new Draw(51);
        for (int n : new int[] {1, 2, 7, 33, 129}) {
            float[] a = draw.wideReals(n * n);
            float[] square = draw.wideReals(n * n);
            Contract.check(on, "polynomial of " + n, (ops, memory) -> {
                Tensor result = memory.output(n, n);
                ops.update().polynomial(memory.input(a, n, n), memory.input(square, n, n), 3.4445f, -4.775f, 2.0315f,
                    result);
                return Map.of("result", result);
            }).expectSameBits();
        }
    }

    @OnEveryDevice
    void dotProductsMatch(TestDevice on) {
        Draw draw = new Draw(52);
        for (int n : LENGTHS) {
            float[] x = draw.integers(n);
            float[] y = draw.integers(n);
            Contract contract = Contract.checkSchedules(on, "dot product of " + n, (ops, memory) -> {
                Tensor partials = memory.output(ops.update().squarePartials(n));
                ops.update().dot(memory.input(x, n), memory.input(y, n), partials);
                return Map.of("partials", partials);
            });
            assertEquals(sum(contract.expected("partials")), sum(contract.actual("partials")), on + ", " + n);
        }
    }

    private static ClipRule clip(float maxNorm, float order) {
        return new ClipRule(-0.5f, 2, order, maxNorm, false);
    }

    @OnEveryDevice
    void wholeStepsMatchToTheBit(TestDevice on) {
        Draw draw = new Draw(44);
        int[] stepsBefore = {0, 0, 1, 9, 998, 123_456_789};
        ClipRule[] clips = {ClipRule.NONE, clip(1, 2), clip(1e-3f, 2), clip(1, 1), clip(0.5f, INFINITY),
            new ClipRule(-1, 2, 2, 1, true), new ClipRule(-INFINITY, INFINITY, 2, INFINITY, true)};
        for (int i = 0; i < 2 * RULES.size(); i++) {
            UpdateRule rule = RULES.get(i / 2);
            int batch = draw.extent();
            int partials = 1 + draw.below(3000);
            int n = draw.extent();
            ClipRule clip = clips[i % clips.length];
            int before = i % 2 == 0 ? 0 : stepsBefore[draw.below(stepsBefore.length)];
            boolean hits = draw.flag();
            Contract.check(on, "six steps of " + rule + " after " + before + ", batch " + batch + ", " + partials
                + " partials, " + n + " parameters, " + clip + (hits ? ", hits" : ""),
                steps(draw, rule, batch, partials, n, clip, hits, before)).expectSameBits();
        }
    }

    @OnEveryDevice
    void bitsDoNotDependOnTheSchedule(TestDevice on) {
        Draw draw = new Draw(45);
        Contract.checkSchedules(on, "six steps", steps(draw, ADAM, 64, 1500, 1023, clip(1, 2), true, 0)).expectSameBits();
    }

    @OnEveryDevice
    void aNonFiniteNormSkipsAndCounts(TestDevice on) {
        for (float order : new float[] {1, 2, 3, INFINITY}) {
            for (float bad : new float[] {Float.NaN, INFINITY}) {
                aNonFiniteNormSkipsAndCounts(on, order, bad);
            }
        }
    }

    private static void aNonFiniteNormSkipsAndCounts(TestDevice on, float order, float bad) {
        Map<String, int[]> results = Sandbox.run(on.device(), (ops, memory) -> {
            Map<String, Tensor> written = new LinkedHashMap<>();
            written.put("counters", memory.state(new int[] {1, 5, 2, 10}, StepState.COUNTERS));
            written.put("control", memory.state(new float[StepState.CONTROLS], StepState.CONTROLS));
            written.put("log", memory.output(3, StepState.LOG_COLUMNS));
            StepState state = new StepState(written.get("counters"), written.get("control"),
                memory.input(new int[2 * UpdateRule.MEMORY], 2 * UpdateRule.MEMORY),
                memory.input(new float[6], 3, StepState.SCHEDULE_COLUMNS), written.get("log"));
            ops.update().prepareStep(state, ADAM, clip(1, order), memory.input(new float[] {1, 2, 3}, 3), null,
                memory.input(new float[] {1, bad, 2}, 3));
            return written;
        });
        assertArrayEquals(new int[] {2, 5, 3, 13}, results.get("counters"), on + ", norm " + bad);
        assertEquals(1, Sandbox.floats(results.get("control"))[StepState.CONTROL_SKIP], on + ", norm " + bad);
        float[] row = Arrays.copyOfRange(Sandbox.floats(results.get("log")), StepState.LOG_COLUMNS,
            2 * StepState.LOG_COLUMNS);
        assertEquals(2, row[StepState.LOG_LOSS], on + ", norm " + bad);
        assertTrue(Float.isNaN(row[StepState.LOG_HITS]), on + ", norm " + bad);
        assertEquals(order == INFINITY ? Float.NaN : bad, row[StepState.LOG_GRADIENT_NORM], on + ", norm " + bad);
        assertEquals(1, row[StepState.LOG_SKIPPED], on + ", norm " + bad);
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

    /** Sums of integers are exact in every order. */
    @OnEveryDevice
    void gradientNormsAndSegmentFactorsMatch(TestDevice on) {
        Draw draw = new Draw(48);
        int n = 12_000;
        Segment[] segments = {new Segment("a", 0, Shape.of(5), 1, 1, false),
            new Segment("b", 8, Shape.of(33, 7), 1, 1, true), new Segment("c", 240, Shape.of(10_000), 1, 1, false),
            new Segment("d", 10_240, Shape.of(1), 1, 1, false), new Segment("e", 10_244, Shape.of(2, 500), 1, 1, false)};
        for (ClipRule clip : List.of(clip(1, 1), clip(100, 2), clip(1, INFINITY), ClipRule.NONE, clip(2, 3))) {
            for (boolean finite : new boolean[] {true, false}) {
                float[] integers = draw.integers(n);
                float[] g = finite ? integers : draw.withNonFinite(integers);
                Contract contract = Contract.checkSchedules(on, "norms for " + clip, (ops, memory) -> {
                    Segments table = memory.segments(segments);
                    Tensor partials = memory.output(table.count());
                    ops.update().gradientNorms(memory.input(g, n), table, clip, partials);
                    ops.update().segmentFactors(table, clip, partials);
                    return Map.of("partials", partials, "factors", table.factors());
                });
                if (clip.order() == 3) {
                    contract.expectWithin("partials", i -> 1e-5 * Math.abs(contract.expected("partials")[i]));
                    contract.expectWithin("factors", i -> 1e-6);
                } else {
                    contract.expectSameBits();
                }
                assertEquals(1, contract.actual("factors")[1], "a frozen segment is not clipped");
            }
        }
    }

    @OnEveryDevice
    void adaptiveClippingMatches(TestDevice on) {
        Draw draw = new Draw(49);
        int n = 1048;
        float[] p = draw.integers(n);
        float[] g = draw.integers(n);
        Arrays.fill(p, 244, 254, 0);
        Contract contract = Contract.checkSchedules(on, "adaptive clipping", (ops, memory) -> {
            Tensor gradients = memory.state(g, n);
            ops.update().adaptiveClip(memory.input(p, n), gradients,
                memory.segments(new Segment("a", 0, Shape.of(5), 1, 1, false),
                    new Segment("b", 8, Shape.of(33, 7), 1, 1, true), new Segment("c", 240, Shape.of(70, 11), 1, 1, false),
                    new Segment("d", 1012, Shape.of(1), 1, 1, false), new Segment("e", 1016, Shape.of(32), 1, 1, true)),
                0.5f, 1e-3f);
            return Map.of("g", gradients);
        });
        contract.expectSameBits();
        float[] clipped = contract.actual("g");
        for (int row = 0; row < 70; row++) {
            double before = norm(g, 240 + 11 * row, 11);
            double limit = 0.5 * Math.max(norm(p, 240 + 11 * row, 11), 1e-3);
            assertEquals(Math.min(before, limit), norm(clipped, 240 + 11 * row, 11), 1e-6 * before, "row " + row);
        }
        assertEquals(norm(g, 8, 231), norm(clipped, 8, 231), "frozen");
    }

    private static double norm(float[] values, int from, int count) {
        double sum = 0;
        for (int i = from; i < from + count; i++) {
            sum += (double) values[i] * values[i];
        }
        return Math.sqrt(sum);
    }

    @OnEveryDevice
    void aRuleTakesItsOwnNumberOfBuffers(TestDevice on) {
        Draw draw = new Draw(47);
        Sandbox.run(on.device(), (ops, memory) -> {
            Tensor p = memory.input(new float[3], 3);
            StepState state = state(memory, control(draw, SGD, false, false));
            assertThrows(IllegalArgumentException.class,
                () -> ops.update().apply(ADAM, p, p, List.of(p), null, state));
            assertThrows(IllegalArgumentException.class, () -> ops.update().apply(SGD, p, p, List.of(p), null, state));
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
