package org.talweg.cpu;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.talweg.ops.ClipRule;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.Segment;
import org.talweg.ops.Segments;
import org.talweg.ops.Shapes;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateOps;
import org.talweg.ops.UpdateRule;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Updates in one pass over the parameters, split over the cores. */
final class CpuUpdate implements UpdateOps {
    private static final int ELEMENTS_PER_PARTIAL = 1 << 16;
    private static final int OPERATIONS_PER_ELEMENT = 16;
    private static final int OPERATIONS_PER_SQUARE = 4;

    private final Parallel parallel;
    private final Map<UpdateRule, UpdateLoop> loops = new HashMap<>();
    private final SumOfSquares sums = new SumOfSquares();
    private UpdateRule lastRule;
    private UpdateLoop lastLoop;
    private final double[] memory = new double[UpdateRule.MEMORY];
    private final double[] scalars = new double[UpdateRule.SCALARS];

    CpuUpdate(Parallel parallel) {
        this.parallel = parallel;
    }

    @Override
    public void sumOfSquares(Tensor x, Tensor partials) {
        Shapes.expect("square partials", partials, squarePartials(x.elements()));
        sums.x = x;
        sums.partials = partials;
        sums.squares = sums.squares.length < partials.dim(0) ? new double[partials.dim(0)] : sums.squares;
        parallel.run(partials.dim(0), x.elements() * OPERATIONS_PER_SQUARE, sums);
    }

    private static final class SumOfSquares implements Parallel.Body {
        private Tensor x;
        private Tensor partials;
        private double[] squares = new double[0];

        @Override
        public void run(int slot, int first, int end) {
            int start = Heap.start(x) + first * ELEMENTS_PER_PARTIAL;
            int length = (int) Math.min(x.elements(), (long) end * ELEMENTS_PER_PARTIAL) - first * ELEMENTS_PER_PARTIAL;
            int whole = length < ELEMENTS_PER_PARTIAL || NativeProducts.missing() != null ? 0 : length / ELEMENTS_PER_PARTIAL;
            if (whole > 0) {
                NativeProducts.rowSquares(Heap.floats(x), start, whole, ELEMENTS_PER_PARTIAL, squares, first);
            }
            for (int from = whole * ELEMENTS_PER_PARTIAL, i = first + whole; i < end; i++) {
                squares[i] = squares(Heap.floats(x), start + from, Math.min(ELEMENTS_PER_PARTIAL, length - from));
                from += ELEMENTS_PER_PARTIAL;
            }
            for (int i = first; i < end; i++) {
                Heap.floats(partials)[Heap.start(partials) + i] = (float) squares[i];
            }
        }
    }

    @Override
    public int squarePartials(long elements) {
        return (int) Math.max(1, (elements + ELEMENTS_PER_PARTIAL - 1) / ELEMENTS_PER_PARTIAL);
    }

    /** Σ x², in double; four sums, because one would wait for each addition to finish before the next. */
    static double squares(float[] x, int start, int length) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int i = 0;
        for (; i + 4 <= length; i += 4) {
            double x0 = x[start + i];
            double x1 = x[start + i + 1];
            double x2 = x[start + i + 2];
            double x3 = x[start + i + 3];
            s0 += x0 * x0;
            s1 += x1 * x1;
            s2 += x2 * x2;
            s3 += x3 * x3;
        }
        for (; i < length; i++) {
            double rest = x[start + i];
            s0 += rest * rest;
        }
        return s0 + s1 + (s2 + s3);
    }

    @Override
    public void gradientNorms(Tensor gradients, Segments segments, ClipRule clip, Tensor partials) {
        Shapes.expect("norm partials", partials, segments.count());
        int[] chunks = Heap.ints(segments.chunks());
        float[] values = Heap.floats(gradients);
        for (int i = 0; i < segments.count(); i++) {
            int row = i * Segments.CHUNK_COLUMNS;
            Heap.floats(partials)[Heap.start(partials) + i] =
                (float) powers(values, Heap.start(gradients) + chunks[row], chunks[row + 2], clip);
        }
    }

    /** Sum or maximum of the powers of so many values; NaN where one of them is not finite. */
    private static double powers(float[] x, int start, int length, ClipRule clip) {
        double sum = 0;
        double largest = 0;
        float order = clip.order();
        // x − x is 0 for what is finite, else NaN.
        float odd = 0;
        for (int i = start; i < start + length; i++) {
            double size = Math.abs(UpdateLoop.clamp(x[i], clip.low(), clip.high()));
            sum += order == 2 ? size * size : order == 1 ? size : order < Float.POSITIVE_INFINITY
                ? Math.pow(size, order) : 0;
            largest = Math.max(largest, size);
            odd += x[i] - x[i];
        }
        return odd + (order < Float.POSITIVE_INFINITY ? sum : largest);
    }

    @Override
    public void segmentFactors(Segments segments, ClipRule clip, Tensor partials) {
        Shapes.expect("norm partials", partials, segments.count());
        int[] spans = Heap.ints(segments.spans());
        float[] factors = Heap.floats(segments.factors());
        int at = Heap.start(segments.factors());
        for (int i = 0; i < segments.factors().elements(); i++) {
            int row = i * Segments.SPAN_COLUMNS;
            int chunks = spans[row + 1];
            factors[at + i] = chunks == 0 ? 1 : (float) clip.factor(norm(partials, spans[row], chunks, clip));
        }
    }

    @Override
    public void adaptiveClip(Tensor parameters, Tensor gradients, Segments segments, float clipping, float epsilon) {
        Shapes.expectSameLength("gradients", parameters, gradients);
        for (Segment segment : segments.list()) {
            int length = (int) segment.length() / segment.units();
            for (int unit = 0; unit < segment.units() && !segment.frozen(); unit++) {
                int from = (int) segment.offset() + unit * length;
                adaptiveClip(Heap.floats(parameters), Heap.start(parameters) + from, Heap.floats(gradients),
                    Heap.start(gradients) + from, length, clipping, epsilon);
            }
        }
    }

    private static void adaptiveClip(float[] p, int pStart, float[] g, int gStart, int length, float clipping,
                                     float epsilon) {
        double norm = Math.sqrt(squares(g, gStart, length));
        double limit = clipping * Math.max(Math.sqrt(squares(p, pStart, length)), epsilon);
        if (norm > limit) {
            float factor = (float) (limit / Math.max(norm, 1e-6));
            for (int i = 0; i < length; i++) {
                g[gStart + i] *= factor;
            }
        }
    }

    @Override
    public void prepareStep(StepState state, UpdateRule rule, ClipRule clip, Tensor rowLosses, Tensor rowHits,
                            Tensor partials) {
        Shapes.expectSameLength("row hits", rowLosses, rowHits);
        int[] counters = Heap.ints(state.counters());
        int counter = Heap.start(state.counters());
        float[] control = Heap.floats(state.control());
        int at = Heap.start(state.control());
        int batch = (int) rowLosses.elements();
        int iteration = counters[counter + StepState.COUNTER_ITERATION];
        double norm = norm(partials, 0, (int) partials.elements(), clip);
        boolean finite = Double.isFinite(norm);
        if (finite) {
            float[] schedule = Heap.floats(state.schedule());
            int row = Heap.start(state.schedule()) + iteration * StepState.SCHEDULE_COLUMNS;
            float rate = schedule[row + StepState.SCHEDULE_LEARNING_RATE];
            float momentum = schedule[row + StepState.SCHEDULE_MOMENTUM];
            int step = ++counters[counter + StepState.COUNTER_STEP];
            control[at + StepState.CONTROL_LEARNING_RATE] = rate;
            control[at + StepState.CONTROL_MOMENTUM] = momentum;
            control[at + StepState.CONTROL_CLIP_FACTOR] = (float) clip.stepFactor(norm);
            control[at + StepState.CONTROL_CLIP_LOW] = clip.low();
            control[at + StepState.CONTROL_CLIP_HIGH] = clip.high();
            control[at + StepState.CONTROL_FIRST_STEP] = step == 1 ? 1 : 0;
            load(state.memory());
            Arrays.fill(scalars, 0);
            rule.scalars(step, rate, momentum, memory, scalars);
            for (int i = 0; i < scalars.length; i++) {
                control[at + StepState.CONTROL_RULE + i] = (float) scalars[i];
            }
            store(state.memory());
        } else {
            counters[counter + StepState.COUNTER_SKIPPED]++;
        }
        control[at + StepState.CONTROL_SKIP] = finite ? 0 : 1;
        float[] log = Heap.floats(state.log());
        int row = Heap.start(state.log()) + iteration * StepState.LOG_COLUMNS;
        log[row + StepState.LOG_LOSS] = (float) (sum(rowLosses, 0, batch) / batch);
        log[row + StepState.LOG_HITS] = rowHits == null ? Float.NaN : (float) (sum(rowHits, 0, batch) / batch);
        log[row + StepState.LOG_GRADIENT_NORM] = (float) norm;
        log[row + StepState.LOG_SKIPPED] = finite ? 0 : 1;
        counters[counter + StepState.COUNTER_ITERATION]++;
        counters[counter + StepState.COUNTER_CURSOR] += batch;
    }

    private void load(Tensor words) {
        int[] values = Heap.ints(words);
        int start = Heap.start(words);
        for (int i = 0; i < memory.length; i++) {
            memory[i] = Double.longBitsToDouble((long) values[start + 2 * i + 1] << 32
                | values[start + 2 * i] & 0xffffffffL);
        }
    }

    private void store(Tensor words) {
        int[] values = Heap.ints(words);
        int start = Heap.start(words);
        for (int i = 0; i < memory.length; i++) {
            long bits = Double.doubleToRawLongBits(memory[i]);
            values[start + 2 * i] = (int) bits;
            values[start + 2 * i + 1] = (int) (bits >> 32);
        }
    }

    @Override
    public void apply(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments segments,
                      StepState state) {
        run(rule, parameters, gradients, buffers, segments, state, null);
    }

    @Override
    public void measure(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments segments,
                        StepState state, Tensor partials) {
        Shapes.expect("partials", partials, segments.count(), 2);
        run(rule, parameters, gradients, buffers, segments, state, partials);
    }

    private void run(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments segments,
                     StepState state, Tensor partials) {
        UpdateOps.check(rule, parameters, gradients, buffers);
        if (control(state, StepState.CONTROL_SKIP) == 0) {
            UpdateLoop loop = loop(rule);
            loop.set(parallel.threads(), parameters, gradients, buffers, segments, state);
            if (loop instanceof MeasuredLoop measured) {
                measured.phase(partials);
            } else if (partials != null) {
                throw new IllegalArgumentException(rule + " has no first phase");
            }
            parallel.run(loop.rows(parameters), parameters.elements() * OPERATIONS_PER_ELEMENT, loop);
        }
    }

    /** The same rule step after step is not looked up again. */
    private UpdateLoop loop(UpdateRule rule) {
        if (rule != lastRule) {
            lastLoop = loops.computeIfAbsent(rule, UpdateLoop::of);
            lastRule = rule;
        }
        return lastLoop;
    }

    @Override
    public void settle(UpdateRule rule, Segments segments, StepState state, Tensor partials) {
        if (control(state, StepState.CONTROL_SKIP) != 0) {
            return;
        }
        float[] values = Heap.floats(partials);
        int start = Heap.start(partials);
        if (rule instanceof MeasuredRule.Prodigy prodigy) {
            double products = sum(values, start, segments.count());
            double sizes = sum(values, start + 1, segments.count());
            load(state.memory());
            Heap.floats(state.control())[Heap.start(state.control()) + StepState.CONTROL_RULE
                + MeasuredRule.Prodigy.SCALAR_EPSILON] = (float) prodigy.settle(products, sizes, memory);
            store(state.memory());
            return;
        }
        int[] spans = Heap.ints(segments.spans());
        float[] ratios = Heap.floats(segments.ratios());
        int at = Heap.start(segments.ratios());
        for (int i = 0; i < segments.ratios().elements(); i++) {
            int first = start + 2 * spans[i * Segments.SPAN_COLUMNS];
            int count = spans[i * Segments.SPAN_COLUMNS + 1];
            if (count > 0) {
                ratios[at + i] = (float) UpdateOps.ratio(rule, sum(values, first, count), sum(values, first + 1, count));
            }
        }
    }

    /** Of every second value. */
    private static double sum(float[] values, int start, int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += values[start + 2 * i];
        }
        return sum;
    }

    @Override
    public void scale(Tensor values, Segments segments) {
        int[] chunks = Heap.ints(segments.chunks());
        float[] x = Heap.floats(values);
        for (int i = 0; i < segments.count(); i++) {
            int row = i * Segments.CHUNK_COLUMNS;
            int from = Heap.start(values) + chunks[row];
            float ratio = Heap.get(segments.ratios(), chunks[row + 3]);
            for (int j = from; j < from + chunks[row + 2]; j++) {
                x[j] *= ratio;
            }
        }
    }

    @Override
    public void polynomial(Tensor matrix, Tensor square, float a, float b, float c, Tensor result) {
        UpdateOps.checkSquare(matrix, square, result);
        int n = matrix.dim(0);
        float[] xs = Heap.floats(matrix);
        float[] ys = Heap.floats(square);
        float[] zs = Heap.floats(result);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                int at = i * n + j;
                zs[Heap.start(result) + at] = Math.fma(c, ys[Heap.start(square) + at],
                    Math.fma(b, xs[Heap.start(matrix) + at], i == j ? a : 0));
            }
        }
    }

    @Override
    public void dot(Tensor x, Tensor y, Tensor partials) {
        Shapes.expectSameLength("y", x, y);
        Shapes.expect("partials", partials, squarePartials(x.elements()));
        float[] xs = Heap.floats(x);
        float[] ys = Heap.floats(y);
        int length = (int) x.elements();
        for (int i = 0; i < partials.dim(0); i++) {
            double sum = 0;
            for (int j = i * ELEMENTS_PER_PARTIAL; j < Math.min(length, (i + 1) * ELEMENTS_PER_PARTIAL); j++) {
                sum += (double) xs[Heap.start(x) + j] * ys[Heap.start(y) + j];
            }
            Heap.floats(partials)[Heap.start(partials) + i] = (float) sum;
        }
    }

    private static float control(StepState state, int index) {
        return Heap.floats(state.control())[Heap.start(state.control()) + index];
    }

    /** NaN if any partial result is not finite. */
    private static double norm(Tensor partials, int from, int count, ClipRule clip) {
        double sum = sum(partials, from, count);
        if (clip.order() < Float.POSITIVE_INFINITY) {
            return clip.norm(sum);
        }
        double largest = 0;
        for (int i = from; i < from + count; i++) {
            largest = Math.max(largest, Heap.floats(partials)[Heap.start(partials) + i]);
        }
        return Double.isFinite(sum) ? largest : Double.NaN;
    }

    private static double sum(Tensor tensor, int from, int count) {
        float[] values = Heap.floats(tensor);
        int start = Heap.start(tensor) + from;
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += values[start + i];
        }
        return sum;
    }
}
