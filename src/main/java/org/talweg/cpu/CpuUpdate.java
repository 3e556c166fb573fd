package org.talweg.cpu;

import org.talweg.ops.Shapes;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateOps;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** Updates in one pass over the parameters, split over the cores. */
final class CpuUpdate implements UpdateOps {
    private static final int ELEMENTS_PER_PARTIAL = 1 << 16;
    private static final int OPERATIONS_PER_ELEMENT = 16;
    private static final double CLIP_EPSILON = 1e-6;

    private final Parallel parallel;
    private final SgdLoop sgd = new SgdLoop();
    private final AdamLoop adam = new AdamLoop();

    CpuUpdate(Parallel parallel) {
        this.parallel = parallel;
    }

    @Override
    public void sumOfSquares(Tensor x, Tensor partials) {
        Shapes.expect("square partials", partials, Shape.of(squarePartials(x.elements())));
        int length = (int) x.elements();
        for (int i = 0; i < partials.dim(0); i++) {
            int from = i * ELEMENTS_PER_PARTIAL;
            Heap.floats(partials)[Heap.start(partials) + i] = (float) squares(Heap.floats(x), Heap.start(x) + from,
                Math.min(ELEMENTS_PER_PARTIAL, length - from));
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
    public void prepareStep(StepState state, Tensor rowLosses, Tensor rowHits, Tensor squarePartials, float maxNorm,
                            float beta1, float beta2) {
        Shapes.expectSameLength("row hits", rowLosses, rowHits);
        int[] counters = Heap.ints(state.counters());
        int counter = Heap.start(state.counters());
        float[] control = Heap.floats(state.control());
        int at = Heap.start(state.control());
        int batch = (int) rowLosses.elements();
        int iteration = counters[counter + StepState.COUNTER_ITERATION];
        double learningRate = Heap.floats(state.learningRates())[Heap.start(state.learningRates()) + iteration];
        double norm = Math.sqrt(sum(squarePartials));
        boolean finite = Double.isFinite(norm);
        if (finite) {
            int step = ++counters[counter + StepState.COUNTER_STEP];
            control[at + StepState.CONTROL_LEARNING_RATE] = (float) learningRate;
            control[at + StepState.CONTROL_STEP_SIZE] = (float) (learningRate / (1 - power(beta1, step)));
            control[at + StepState.CONTROL_SQRT_BIAS_CORRECTION_2] = (float) Math.sqrt(1 - power(beta2, step));
            control[at + StepState.CONTROL_CLIP_FACTOR] = (float) Math.min(1, maxNorm / (norm + CLIP_EPSILON));
            control[at + StepState.CONTROL_FIRST_STEP] = step == 1 ? 1 : 0;
        } else {
            counters[counter + StepState.COUNTER_SKIPPED]++;
        }
        control[at + StepState.CONTROL_SKIP] = finite ? 0 : 1;
        float[] log = Heap.floats(state.log());
        int row = Heap.start(state.log()) + iteration * StepState.LOG_COLUMNS;
        log[row + StepState.LOG_LOSS] = (float) (sum(rowLosses) / batch);
        log[row + StepState.LOG_HITS] = rowHits == null ? Float.NaN : (float) (sum(rowHits) / batch);
        log[row + StepState.LOG_GRADIENT_NORM] = (float) norm;
        log[row + StepState.LOG_SKIPPED] = finite ? 0 : 1;
        counters[counter + StepState.COUNTER_ITERATION]++;
        counters[counter + StepState.COUNTER_CURSOR] += batch;
    }

    @Override
    public void sgd(Tensor parameters, Tensor gradients, Tensor momentumBuffer, StepState state, float momentum,
                    float dampening, boolean nesterov, float weightDecay) {
        Shapes.expectSameLength("gradients or momentum", parameters, gradients, momentumBuffer);
        if ((momentumBuffer == null) != (momentum == 0)) {
            throw new IllegalArgumentException("momentum " + momentum + " with "
                + (momentumBuffer == null ? "no" : "a") + " momentum buffer; pass one if and only if it is not 0");
        }
        if (control(state, StepState.CONTROL_SKIP) != 0) {
            return;
        }
        sgd.set(parameters, gradients, state);
        sgd.set(momentumBuffer, momentum, dampening, nesterov, weightDecay);
        run(parameters, sgd);
    }

    @Override
    public void adam(Tensor parameters, Tensor gradients, Tensor firstMoment, Tensor secondMoment, StepState state,
                     float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled) {
        Shapes.expectSameLength("gradients or moments", parameters, gradients, firstMoment, secondMoment);
        if (control(state, StepState.CONTROL_SKIP) != 0) {
            return;
        }
        adam.set(parameters, gradients, state);
        adam.set(firstMoment, secondMoment, beta1, beta2, epsilon, weightDecay, decoupled);
        run(parameters, adam);
    }

    private static float control(StepState state, int index) {
        return Heap.floats(state.control())[Heap.start(state.control()) + index];
    }

    private void run(Tensor parameters, Parallel.Body loop) {
        parallel.run((int) parameters.elements(), parameters.elements() * OPERATIONS_PER_ELEMENT, loop);
    }

    private static double sum(Tensor tensor) {
        float[] values = Heap.floats(tensor);
        int start = Heap.start(tensor);
        double sum = 0;
        for (int i = 0; i < tensor.elements(); i++) {
            sum += values[start + i];
        }
        return sum;
    }

    /** By repeated squaring from the lowest bit, as the contract says. */
    private static double power(double base, int exponent) {
        double result = 1;
        double square = base;
        for (int rest = exponent; rest > 0; rest >>= 1) {
            result = (rest & 1) == 1 ? result * square : result;
            square *= square;
        }
        return result;
    }
}
