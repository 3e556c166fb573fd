package org.talweg.reference;

import org.talweg.ops.Shapes;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateOps;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * The updates in float32, one rounding after the other as the contract writes them, so that a kernel can be held to
 * the same bits. The norm and the step's scalars in double.
 */
final class ReferenceUpdate implements UpdateOps {
    private static final double CLIP_EPSILON = 1e-6;

    @Override
    public void sumOfSquares(Tensor x, Tensor partials) {
        Shapes.expect("square partials", partials, Shape.of(squarePartials(x.elements())));
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
    public void prepareStep(StepState state, Tensor rowLosses, Tensor rowHits, Tensor squarePartials, float maxNorm,
                            float beta1, float beta2) {
        Shapes.expectSameLength("row hits", rowLosses, rowHits);
        Values counters = Values.of(state.counters());
        Values control = Values.of(state.control());
        Values log = Values.of(state.log());
        int batch = Math.toIntExact(rowLosses.elements());
        int iteration = (int) counters.get(StepState.COUNTER_ITERATION);
        double learningRate = Values.of(state.learningRates()).get(iteration);
        double norm = Math.sqrt(sum(squarePartials));
        boolean finite = Double.isFinite(norm);

        if (finite) {
            long step = (long) counters.get(StepState.COUNTER_STEP) + 1;
            counters.set(StepState.COUNTER_STEP, step);
            control.set(StepState.CONTROL_LEARNING_RATE, learningRate);
            control.set(StepState.CONTROL_STEP_SIZE, learningRate / (1 - power(beta1, step)));
            control.set(StepState.CONTROL_SQRT_BIAS_CORRECTION_2, Math.sqrt(1 - power(beta2, step)));
            control.set(StepState.CONTROL_CLIP_FACTOR, Math.min(1, maxNorm / (norm + CLIP_EPSILON)));
            control.set(StepState.CONTROL_FIRST_STEP, step == 1 ? 1 : 0);
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

    @Override
    public void sgd(Tensor parameters, Tensor gradients, Tensor momentumBuffer, StepState state, float momentum,
                    float dampening, boolean nesterov, float weightDecay) {
        Shapes.expectSameLength("gradients or momentum", parameters, gradients, momentumBuffer);
        expectMomentumBuffer(momentumBuffer, momentum);
        Values control = Values.of(state.control());
        if (control.get(StepState.CONTROL_SKIP) != 0) {
            return;
        }
        float learningRate = (float) control.get(StepState.CONTROL_LEARNING_RATE);
        float clip = (float) control.get(StepState.CONTROL_CLIP_FACTOR);
        boolean first = control.get(StepState.CONTROL_FIRST_STEP) != 0;
        float undamped = (float) (1 - (double) dampening);
        Values ps = Values.of(parameters);
        Values gs = Values.of(gradients);
        for (long i = 0; i < ps.length(); i++) {
            float p = (float) ps.get(i);
            float g = clip * (float) gs.get(i);
            g = Math.fma(weightDecay, p, g);
            float d = g;
            if (momentum != 0) {
                Values bs = Values.of(momentumBuffer);
                float b = first ? g : Math.fma(momentum, (float) bs.get(i), undamped * g);
                bs.set(i, b);
                d = nesterov ? Math.fma(momentum, b, g) : b;
            }
            ps.set(i, Math.fma(-learningRate, d, p));
        }
    }

    @Override
    public void adam(Tensor parameters, Tensor gradients, Tensor firstMoment, Tensor secondMoment, StepState state,
                     float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled) {
        Shapes.expectSameLength("gradients or moments", parameters, gradients, firstMoment, secondMoment);
        Values control = Values.of(state.control());
        if (control.get(StepState.CONTROL_SKIP) != 0) {
            return;
        }
        float learningRate = (float) control.get(StepState.CONTROL_LEARNING_RATE);
        float stepSize = (float) control.get(StepState.CONTROL_STEP_SIZE);
        float sqrtBiasCorrection2 = (float) control.get(StepState.CONTROL_SQRT_BIAS_CORRECTION_2);
        float clip = (float) control.get(StepState.CONTROL_CLIP_FACTOR);
        float oneMinusBeta1 = (float) (1 - (double) beta1);
        float oneMinusBeta2 = (float) (1 - (double) beta2);
        Values ps = Values.of(parameters);
        Values gs = Values.of(gradients);
        Values ms = Values.of(firstMoment);
        Values vs = Values.of(secondMoment);
        for (long i = 0; i < ps.length(); i++) {
            float p = (float) ps.get(i);
            float g = clip * (float) gs.get(i);
            if (decoupled) {
                p = p * (1 - learningRate * weightDecay);
            } else {
                g = Math.fma(weightDecay, p, g);
            }
            float m = Math.fma(beta1, (float) ms.get(i), oneMinusBeta1 * g);
            float v = Math.fma(beta2, (float) vs.get(i), oneMinusBeta2 * g * g);
            ms.set(i, m);
            vs.set(i, v);
            float denominator = (float) Math.sqrt(v) / sqrtBiasCorrection2 + epsilon;
            ps.set(i, Math.fma(-stepSize, m / denominator, p));
        }
    }

    private static double sum(Tensor tensor) {
        Values values = Values.of(tensor);
        double sum = 0;
        for (long i = 0; i < values.length(); i++) {
            sum += values.get(i);
        }
        return sum;
    }

    /** base to the power of exponent by repeated squaring from the lowest bit: the same roundings everywhere. */
    private static double power(double base, long exponent) {
        double result = 1;
        double square = base;
        for (long rest = exponent; rest > 0; rest >>= 1) {
            if ((rest & 1) == 1) {
                result *= square;
            }
            square *= square;
        }
        return result;
    }

    private static void expectMomentumBuffer(Tensor momentumBuffer, float momentum) {
        if ((momentumBuffer == null) != (momentum == 0)) {
            throw new IllegalArgumentException("momentum " + momentum + " with "
                + (momentumBuffer == null ? "no" : "a") + " momentum buffer; pass one if and only if it is not 0");
        }
    }
}
