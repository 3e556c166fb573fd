package org.talweg.reference;

import org.talweg.ops.AdaptiveRule;
import org.talweg.ops.MeasuredRule;
import org.talweg.ops.StepState;
import org.talweg.ops.UpdateRule;

/** The update of one element, formula by formula as {@link UpdateRule} writes them, in float32. */
final class ElementUpdate {
    /** The parameter. */
    float p;
    /** Its gradient, clipped. */
    float g;
    /** Its state. */
    final float[] s = new float[4];

    private final float rate;
    private final float momentum;
    private final boolean first;
    /** Step scalars. */
    private final float[] k = new float[UpdateRule.SCALARS];
    /** What {@link #measure} adds up. */
    double sum0;
    double sum1;
    private float rateMultiplier = 1;
    private float decayMultiplier = 1;
    private float ratio = 1;

    ElementUpdate(Values control) {
        rate = (float) control.get(StepState.CONTROL_LEARNING_RATE);
        momentum = (float) control.get(StepState.CONTROL_MOMENTUM);
        first = control.get(StepState.CONTROL_FIRST_STEP) != 0;
        for (int i = 0; i < k.length; i++) {
            k[i] = (float) control.get(StepState.CONTROL_RULE + i);
        }
    }

    /** @param forUpdate the segment's ratio */
    void multipliers(float forRate, float forDecay, float forUpdate) {
        rateMultiplier = forRate;
        decayMultiplier = forDecay;
        ratio = forUpdate;
    }

    void apply(UpdateRule rule) {
        if (rule instanceof UpdateRule.Sgd sgd) {
            sgd(sgd);
        } else if (rule instanceof UpdateRule.Adam adam) {
            adam(adam);
        } else if (rule instanceof AdaptiveRule.Adagrad) {
            adagrad();
        } else if (rule instanceof AdaptiveRule.RmsProp rmsProp) {
            rmsProp(rmsProp);
        } else if (rule instanceof AdaptiveRule.Adadelta) {
            adadelta();
        } else if (rule instanceof AdaptiveRule.Adamax) {
            adamax();
        } else if (rule instanceof AdaptiveRule.NAdam) {
            nadam();
        } else if (rule instanceof AdaptiveRule.RAdam) {
            radam();
        } else if (rule instanceof AdaptiveRule.Lion) {
            lion();
        } else if (rule instanceof AdaptiveRule.ScheduleFree) {
            scheduleFree();
        } else if (rule instanceof MeasuredRule.Lamb) {
            p = Math.fma(-(scaled(rate) * ratio), lambDirection(), p);
        } else if (rule instanceof MeasuredRule.Prodigy) {
            prodigy();
        } else if (rule instanceof MeasuredRule.Muon) {
            decay(k[13]);
            p = Math.fma(-scaled(rate), g, p);
        } else {
            throw new IllegalArgumentException("no update for " + rule);
        }
    }

    private float scaled(float withRate) {
        return withRate * rateMultiplier;
    }

    private void penalize(float weightDecay) {
        g = Math.fma(weightDecay * decayMultiplier, p, g);
    }

    private void decay(float weightDecay) {
        p = p * (1 - scaled(rate) * (weightDecay * decayMultiplier));
    }

    private void sgd(UpdateRule.Sgd rule) {
        penalize(k[1]);
        boolean nesterov = k[2] != 0;
        if (!rule.hasMomentum()) {
            p = Math.fma(-scaled(rate), g, p);
        } else if (rule.velocity()) {
            float step = -(scaled(rate) * g);
            s[0] = Math.fma(momentum, s[0], step);
            p = p + (nesterov ? Math.fma(momentum, s[0], step) : s[0]);
        } else {
            s[0] = first ? g : Math.fma(momentum, s[0], k[0] * g);
            p = Math.fma(-scaled(rate), nesterov ? Math.fma(momentum, s[0], g) : s[0], p);
        }
    }

    private void adam(UpdateRule.Adam rule) {
        decayOrPenalize(k[7] != 0, k[6]);
        s[0] = Math.fma(k[8], s[0], k[2] * g);
        s[1] = Math.fma(k[3], s[1], k[4] * g * g);
        float second = s[1];
        if (rule.amsgrad()) {
            s[2] = Math.max(s[2], s[1] * k[10]);
            second = s[2];
        }
        p = Math.fma(-scaled(k[0]), s[0] / (root(second + k[9]) / k[1] + k[5]), p);
    }

    private static float root(float x) {
        return (float) Math.sqrt(x);
    }

    private void decayOrPenalize(boolean decoupled, float weightDecay) {
        if (decoupled) {
            decay(weightDecay);
        } else {
            penalize(weightDecay);
        }
    }

    private void adagrad() {
        penalize(k[1]);
        s[0] = Math.fma(g, g, s[0]);
        p = Math.fma(-scaled(k[0]), g / (k[3] != 0 ? root(s[0] + k[2]) : root(s[0]) + k[2]), p);
    }

    private void rmsProp(AdaptiveRule.RmsProp rule) {
        penalize(k[3]);
        s[0] = Math.fma(k[0], s[0], k[1] * g * g);
        float w = k[6] * s[0];
        if (rule.centered()) {
            int a = rule.hasMomentum() ? 2 : 1;
            s[a] = Math.fma(k[0], s[a], k[1] * g);
            float mean = k[6] * s[a];
            w = Math.max(Math.fma(-mean, mean, w), 0);
        }
        float d = g / (k[4] != 0 ? root(w + k[2]) : root(w) + k[2]);
        if (rule.hasMomentum()) {
            s[1] = Math.fma(momentum, s[1], d);
            d = k[5] != 0 ? Math.fma(momentum, s[1], d) : s[1];
        }
        p = Math.fma(-scaled(rate), d, p);
    }

    private void adadelta() {
        penalize(k[3]);
        s[0] = Math.fma(k[0], s[0], k[1] * g * g);
        float d = root(s[1] + k[2]) / root(s[0] + k[2]) * g;
        s[1] = Math.fma(k[0], s[1], k[1] * d * d);
        p = Math.fma(-scaled(rate), d, p);
    }

    private void adamax() {
        penalize(k[4]);
        s[0] = Math.fma(momentum, s[0], k[1] * g);
        s[1] = Math.max(k[2] * s[1], Math.abs(g) + k[3]);
        p = Math.fma(-scaled(k[0]), s[0] / s[1], p);
    }

    private void nadam() {
        decayOrPenalize(k[8] != 0, k[7]);
        s[0] = Math.fma(momentum, s[0], k[3] * g);
        s[1] = Math.fma(k[4], s[1], k[5] * g * g);
        float h = root(s[1]) / k[2] + k[6];
        p = Math.fma(-scaled(k[0]), g / h, p);
        p = Math.fma(-scaled(k[1]), s[0] / h, p);
    }

    private void radam() {
        decayOrPenalize(k[7] != 0, k[6]);
        s[0] = Math.fma(momentum, s[0], k[2] * g);
        s[1] = Math.fma(k[3], s[1], k[4] * g * g);
        p = Math.fma(-scaled(k[0]), k[1] != 0 ? s[0] / (root(s[1]) + k[5]) : s[0], p);
    }

    private void lion() {
        decay(k[3]);
        float u = Math.fma(momentum, s[0], k[0] * g);
        s[0] = Math.fma(k[1], s[0], k[2] * g);
        p = p - scaled(rate) * (u > 0 ? 1 : u < 0 ? -1 : 0);
    }

    private void scheduleFree() {
        s[0] = Math.fma(k[5], s[0], k[6] * g * g);
        float d = Math.fma(k[8] * decayMultiplier, p, g / (root(s[0]) / k[4] + k[7]));
        p = Math.fma(scaled(k[1]), d, Math.fma(k[0], s[1], p));
        s[1] = k[3] * Math.fma(-scaled(k[2]), d, s[1]);
    }

    /** The first phase, for rules of two. */
    void measure(UpdateRule rule) {
        if (rule instanceof MeasuredRule.Lamb) {
            s[0] = Math.fma(momentum, s[0], k[2] * g);
            s[1] = Math.fma(k[3], s[1], k[4] * g * g);
            float u = lambDirection();
            sum0 += (double) p * p;
            sum1 += (double) u * u;
        } else if (rule instanceof MeasuredRule.Prodigy) {
            float h = k[1] * g;
            s[0] = Math.fma(momentum, s[0], k[2] * h);
            s[1] = Math.fma(k[3], s[1], k[4] * h * h);
            s[2] = Math.fma(k[5], s[2], scaled(k[6]) * h);
            sum0 += (double) g * s[3];
            sum1 += Math.abs(s[2]);
        } else if (rule instanceof MeasuredRule.Muon muon) {
            s[0] = Math.fma(momentum, s[0], (1 - momentum) * g);
            s[1] = muon.nesterov() ? Math.fma(k[11], s[0], k[12] * g) : s[0];
            sum0 += (double) s[1] * s[1];
        } else {
            throw new IllegalArgumentException(rule + " has no first phase");
        }
    }

    private float lambDirection() {
        return Math.fma(k[6] * decayMultiplier, p, s[0] * k[0] / (root(s[1]) / k[1] + k[5]));
    }

    private void prodigy() {
        float x = scaled(k[0])
            * Math.fma(k[7] * decayMultiplier, p, s[0] / (root(s[1]) + k[MeasuredRule.Prodigy.SCALAR_EPSILON]));
        p = p - x;
        s[3] = s[3] + x;
    }
}
