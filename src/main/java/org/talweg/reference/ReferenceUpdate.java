package org.talweg.reference;

import java.util.List;
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

/**
 * The updates in float32, one rounding after the other as the contract writes them, so that a kernel can be held to
 * the same bits. The norm and the step's scalars in double.
 */
final class ReferenceUpdate implements UpdateOps {
    @Override
    public void sumOfSquares(Tensor x, Tensor partials) {
        Shapes.expect("square partials", partials, squarePartials(x.elements()));
        Values xs = Values.of(x);
        double sum = 0;
        for (long i = 0; i < xs.length(); i++) {
            sum += xs.get(i) * xs.get(i);
        }
        Values.of(partials).set(0, sum);
    }

    @Override
    public int squarePartials(long elements) {
        return 1;
    }

    @Override
    public void gradientNorms(Tensor gradients, Segments segments, ClipRule clip, Tensor partials) {
        Shapes.expect("norm partials", partials, segments.count());
        Values gs = Values.of(gradients);
        Values results = Values.of(partials);
        int chunk = 0;
        for (Segment segment : segments.list()) {
            for (long from = 0; from < segment.length() && !segment.frozen(); from += Segments.CHUNK) {
                long to = Math.min(from + Segments.CHUNK, segment.length());
                results.set(chunk++, powers(gs, segment.offset() + from, segment.offset() + to, clip));
            }
        }
    }

    private static double powers(Values gs, long from, long to, ClipRule clip) {
        double result = 0;
        for (long i = from; i < to; i++) {
            double g = gs.get(i);
            if (!Double.isFinite(g)) {
                return Double.NaN;
            }
            double size = Math.abs(clamp(g, clip.low(), clip.high()));
            result = clip.order() == Float.POSITIVE_INFINITY ? Math.max(result, size)
                : result + Math.pow(size, clip.order());
        }
        return result;
    }

    private static double clamp(double g, double low, double high) {
        return Math.max(low, Math.min(high, g));
    }

    @Override
    public void segmentFactors(Segments segments, ClipRule clip, Tensor partials) {
        Shapes.expect("norm partials", partials, segments.count());
        int chunk = 0;
        for (int i = 0; i < segments.list().size(); i++) {
            Segment segment = segments.list().get(i);
            int chunks = segment.frozen() ? 0 : (int) ((segment.length() + Segments.CHUNK - 1) / Segments.CHUNK);
            double norm = norm(partials.view(chunk, Shape.of(chunks)), clip);
            Values.of(segments.factors()).set(i, segment.frozen() ? 1 : clip.factor(norm));
            chunk += chunks;
        }
    }

    /** NaN if any partial result is not finite. */
    private static double norm(Tensor partials, ClipRule clip) {
        double sum = sum(partials);
        if (clip.order() == Float.POSITIVE_INFINITY) {
            double largest = 0;
            for (long i = 0; i < partials.elements(); i++) {
                largest = Math.max(largest, Values.of(partials).get(i));
            }
            return Double.isFinite(sum) ? largest : Double.NaN;
        }
        return clip.norm(sum);
    }

    @Override
    public void adaptiveClip(Tensor parameters, Tensor gradients, Segments segments, float clipping, float epsilon) {
        Shapes.expectSameLength("gradients", parameters, gradients);
        for (Segment segment : segments.list()) {
            long length = segment.length() / segment.units();
            for (long unit = 0; unit < segment.units() && !segment.frozen(); unit++) {
                Values ps = Values.of(parameters.view(segment.offset() + unit * length, Shape.of((int) length)));
                Values gs = Values.of(gradients.view(segment.offset() + unit * length, Shape.of((int) length)));
                double norm = norm(gs);
                double limit = clipping * Math.max(norm(ps), epsilon);
                if (norm > limit) {
                    float factor = (float) (limit / Math.max(norm, 1e-6));
                    for (long i = 0; i < length; i++) {
                        gs.set(i, (float) gs.get(i) * factor);
                    }
                }
            }
        }
    }

    private static double norm(Values values) {
        double sum = 0;
        for (long i = 0; i < values.length(); i++) {
            sum += values.get(i) * values.get(i);
        }
        return Math.sqrt(sum);
    }

    @Override
    public void prepareStep(StepState state, UpdateRule rule, ClipRule clip, Tensor rowLosses, Tensor rowHits,
                            Tensor partials) {
        Shapes.expectSameLength("row hits", rowLosses, rowHits);
        Values counters = Values.of(state.counters());
        Values control = Values.of(state.control());
        Values log = Values.of(state.log());
        int batch = Math.toIntExact(rowLosses.elements());
        int iteration = (int) counters.get(StepState.COUNTER_ITERATION);
        double norm = norm(partials, clip);
        boolean finite = Double.isFinite(norm);

        if (finite) {
            Values schedule = Values.of(state.schedule());
            long row = (long) iteration * StepState.SCHEDULE_COLUMNS;
            double rate = schedule.get(row + StepState.SCHEDULE_LEARNING_RATE);
            double momentum = schedule.get(row + StepState.SCHEDULE_MOMENTUM);
            long step = (long) counters.get(StepState.COUNTER_STEP) + 1;
            counters.set(StepState.COUNTER_STEP, step);
            control.set(StepState.CONTROL_LEARNING_RATE, rate);
            control.set(StepState.CONTROL_MOMENTUM, momentum);
            control.set(StepState.CONTROL_CLIP_FACTOR, clip.stepFactor(norm));
            control.set(StepState.CONTROL_CLIP_LOW, clip.low());
            control.set(StepState.CONTROL_CLIP_HIGH, clip.high());
            control.set(StepState.CONTROL_FIRST_STEP, step == 1 ? 1 : 0);
            double[] memory = load(state.memory());
            double[] scalars = new double[UpdateRule.SCALARS];
            rule.scalars(step, rate, momentum, memory, scalars);
            for (int i = 0; i < scalars.length; i++) {
                control.set(StepState.CONTROL_RULE + i, scalars[i]);
            }
            store(memory, state.memory());
        } else {
            counters.set(StepState.COUNTER_SKIPPED, counters.get(StepState.COUNTER_SKIPPED) + 1);
        }
        control.set(StepState.CONTROL_SKIP, finite ? 0 : 1);

        long row = (long) iteration * StepState.LOG_COLUMNS;
        log.set(row + StepState.LOG_LOSS, sum(rowLosses) / batch);
        log.set(row + StepState.LOG_HITS, rowHits == null ? Double.NaN : sum(rowHits) / batch);
        log.set(row + StepState.LOG_GRADIENT_NORM, norm);
        log.set(row + StepState.LOG_SKIPPED, finite ? 0 : 1);
        counters.set(StepState.COUNTER_ITERATION, iteration + 1);
        counters.set(StepState.COUNTER_CURSOR, counters.get(StepState.COUNTER_CURSOR) + batch);
    }

    private static double[] load(Tensor words) {
        Values values = Values.of(words);
        double[] result = new double[UpdateRule.MEMORY];
        for (int i = 0; i < result.length; i++) {
            long low = (int) values.get(2L * i) & 0xffffffffL;
            result[i] = Double.longBitsToDouble((long) values.get(2L * i + 1) << 32 | low);
        }
        return result;
    }

    private static void store(double[] memory, Tensor words) {
        Values values = Values.of(words);
        for (int i = 0; i < memory.length; i++) {
            long bits = Double.doubleToRawLongBits(memory[i]);
            values.set(2L * i, (int) bits);
            values.set(2L * i + 1, (int) (bits >> 32));
        }
    }

    @Override
    public void apply(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments segments,
                      StepState state) {
        UpdateOps.check(rule, parameters, gradients, buffers);
        Values control = Values.of(state.control());
        if (control.get(StepState.CONTROL_SKIP) != 0) {
            return;
        }
        List<Segment> list = segments == null ? List.of(Segment.whole(parameters.shape())) : segments.list();
        ElementUpdate element = new ElementUpdate(control);
        for (int j = 0; j < list.size(); j++) {
            Segment segment = list.get(j);
            double factor = factor(element, control, segments, segment, j);
            for (long i = segment.offset(); i < segment.offset() + segment.length() && !segment.frozen(); i++) {
                load(element, parameters, gradients, buffers, control, (float) factor, i);
                if (!rule.clips()) {
                    element.g = (float) Values.of(gradients).get(i);
                }
                element.apply(rule);
                Values.of(parameters).set(i, element.p);
                store(element, buffers, i);
            }
        }
    }

    @Override
    public void measure(UpdateRule rule, Tensor parameters, Tensor gradients, List<Tensor> buffers, Segments segments,
                        StepState state, Tensor partials) {
        UpdateOps.check(rule, parameters, gradients, buffers);
        Shapes.expect("partials", partials, segments.count(), 2);
        Values control = Values.of(state.control());
        if (control.get(StepState.CONTROL_SKIP) != 0) {
            return;
        }
        ElementUpdate element = new ElementUpdate(control);
        int chunk = 0;
        for (int j = 0; j < segments.list().size(); j++) {
            Segment segment = segments.list().get(j);
            double factor = factor(element, control, segments, segment, j);
            for (long from = 0; from < segment.length() && !segment.frozen(); from += Segments.CHUNK) {
                element.sum0 = 0;
                element.sum1 = 0;
                for (long i = from; i < Math.min(from + Segments.CHUNK, segment.length()); i++) {
                    load(element, parameters, gradients, buffers, control, (float) factor, segment.offset() + i);
                    element.measure(rule);
                    store(element, buffers, segment.offset() + i);
                }
                Values.of(partials).set(2L * chunk, element.sum0);
                Values.of(partials).set(2L * chunk + 1, element.sum1);
                chunk++;
            }
        }
    }

    /** Sets the segment's multipliers; what its clamped gradients are multiplied by. */
    private static double factor(ElementUpdate element, Values control, Segments segments, Segment segment, int j) {
        float clip = (float) control.get(StepState.CONTROL_CLIP_FACTOR);
        element.multipliers(segment.learningRate(), segment.weightDecay(),
            segments == null ? 1 : (float) Values.of(segments.ratios()).get(j));
        return segments == null ? clip : clip * (float) Values.of(segments.factors()).get(j);
    }

    private static void load(ElementUpdate element, Tensor parameters, Tensor gradients, List<Tensor> buffers,
                             Values control, float factor, long i) {
        element.p = (float) Values.of(parameters).get(i);
        element.g = factor * (float) clamp((float) Values.of(gradients).get(i),
            control.get(StepState.CONTROL_CLIP_LOW), control.get(StepState.CONTROL_CLIP_HIGH));
        for (int k = 0; k < buffers.size(); k++) {
            element.s[k] = (float) Values.of(buffers.get(k)).get(i);
        }
    }

    private static void store(ElementUpdate element, List<Tensor> buffers, long i) {
        for (int k = 0; k < buffers.size(); k++) {
            Values.of(buffers.get(k)).set(i, element.s[k]);
        }
    }

    @Override
    public void settle(UpdateRule rule, Segments segments, StepState state, Tensor partials) {
        Values control = Values.of(state.control());
        if (control.get(StepState.CONTROL_SKIP) != 0) {
            return;
        }
        double[] all = new double[2];
        int chunk = 0;
        for (int j = 0; j < segments.list().size(); j++) {
            Segment segment = segments.list().get(j);
            double[] sums = new double[2];
            for (long from = 0; from < segment.length() && !segment.frozen(); from += Segments.CHUNK) {
                sums[0] += Values.of(partials).get(2L * chunk);
                sums[1] += Values.of(partials).get(2L * chunk + 1);
                chunk++;
            }
            all[0] += sums[0];
            all[1] += sums[1];
            if (!segment.frozen() && !(rule instanceof MeasuredRule.Prodigy)) {
                Values.of(segments.ratios()).set(j, UpdateOps.ratio(rule, sums[0], sums[1]));
            }
        }
        if (rule instanceof MeasuredRule.Prodigy prodigy) {
            double[] memory = load(state.memory());
            control.set(StepState.CONTROL_RULE + MeasuredRule.Prodigy.SCALAR_EPSILON,
                prodigy.settle(all[0], all[1], memory));
            store(memory, state.memory());
        }
    }

    @Override
    public void scale(Tensor values, Segments segments) {
        Values xs = Values.of(values);
        for (int j = 0; j < segments.list().size(); j++) {
            Segment segment = segments.list().get(j);
            float ratio = (float) Values.of(segments.ratios()).get(j);
            for (long i = segment.offset(); i < segment.offset() + segment.length() && !segment.frozen(); i++) {
                xs.set(i, (float) xs.get(i) * ratio);
            }
        }
    }

    @Override
    public void polynomial(Tensor matrix, Tensor square, float a, float b, float c, Tensor result) {
        UpdateOps.checkSquare(matrix, square, result);
        for (int i = 0; i < matrix.dim(0); i++) {
            for (int j = 0; j < matrix.dim(0); j++) {
                long at = (long) i * matrix.dim(0) + j;
                Values.of(result).set(at, Math.fma(c, (float) Values.of(square).get(at),
                    Math.fma(b, (float) Values.of(matrix).get(at), i == j ? a : 0)));
            }
        }
    }

    @Override
    public void dot(Tensor x, Tensor y, Tensor partials) {
        Shapes.expectSameLength("y", x, y);
        Shapes.expect("partials", partials, squarePartials(x.elements()));
        double sum = 0;
        for (long i = 0; i < x.elements(); i++) {
            sum += Values.of(x).get(i) * Values.of(y).get(i);
        }
        Values.of(partials).set(0, sum);
    }

    private static double sum(Tensor tensor) {
        Values values = Values.of(tensor);
        double sum = 0;
        for (long i = 0; i < values.length(); i++) {
            sum += values.get(i);
        }
        return sum;
    }
}
