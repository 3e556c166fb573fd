package org.talweg.reference;

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
    private float rateMultiplier = 1;
    private float decayMultiplier = 1;

    ElementUpdate(Values control) {
        rate = (float) control.get(StepState.CONTROL_LEARNING_RATE);
        momentum = (float) control.get(StepState.CONTROL_MOMENTUM);
        first = control.get(StepState.CONTROL_FIRST_STEP) != 0;
        for (int i = 0; i < k.length; i++) {
            k[i] = (float) control.get(StepState.CONTROL_RULE + i);
        }
    }

    void multipliers(float forRate, float forDecay) {
        rateMultiplier = forRate;
        decayMultiplier = forDecay;
    }

    void apply(UpdateRule rule) {
        if (rule instanceof UpdateRule.Sgd sgd) {
            sgd(sgd);
        } else if (rule instanceof UpdateRule.Adam adam) {
            adam(adam);
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
        if (k[7] != 0) {
            decay(k[6]);
        } else {
            penalize(k[6]);
        }
        s[0] = Math.fma(momentum, s[0], k[2] * g);
        s[1] = Math.fma(k[3], s[1], k[4] * g * g);
        float second = s[1];
        if (rule.amsgrad()) {
            s[2] = Math.max(s[2], s[1]);
            second = s[2];
        }
        float denominator = (float) Math.sqrt(second) / k[1] + k[5];
        p = Math.fma(-scaled(k[0]), s[0] / denominator, p);
    }
}
