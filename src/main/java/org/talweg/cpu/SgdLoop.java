package org.talweg.cpu;

import org.talweg.ops.UpdateRule;

/** {@link UpdateRule.Sgd}: one loop per case, so that none branches inside. */
final class SgdLoop extends UpdateLoop {
    private final UpdateRule.Sgd rule;

    SgdLoop(UpdateRule.Sgd rule) {
        this.rule = rule;
    }

    @Override
    void run(int from, int to, float factor, float rate, float forRate, float forDecay) {
        float decay = k[1] * forDecay;
        if (!rule.hasMomentum()) {
            plain(from, to, factor, rate, decay);
        } else if (rule.velocity()) {
            velocity(from, to, factor, rate, decay);
        } else if (first) {
            firstMomentum(from, to, factor, rate, decay);
        } else {
            nextMomentum(from, to, factor, rate, decay);
        }
    }

    private void plain(int from, int to, float factor, float rate, float decay) {
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float d = Math.fma(decay, old, factor * clamp(g[gStart + i], low, high));
            p[pStart + i] = Math.fma(-rate, d, old);
        }
    }

    /** The momentum buffer starts as the gradient, whatever it holds. */
    private void firstMomentum(int from, int to, float factor, float rate, float decay) {
        float[] b = s[0];
        int bStart = sStart[0];
        boolean nesterov = k[2] != 0;
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float decayed = Math.fma(decay, old, factor * clamp(g[gStart + i], low, high));
            b[bStart + i] = decayed;
            float d = nesterov ? Math.fma(momentum, decayed, decayed) : decayed;
            p[pStart + i] = Math.fma(-rate, d, old);
        }
    }

    private void nextMomentum(int from, int to, float factor, float rate, float decay) {
        float[] b = s[0];
        int bStart = sStart[0];
        float undamped = k[0];
        boolean nesterov = k[2] != 0;
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float decayed = Math.fma(decay, old, factor * clamp(g[gStart + i], low, high));
            float next = Math.fma(momentum, b[bStart + i], undamped * decayed);
            b[bStart + i] = next;
            float d = nesterov ? Math.fma(momentum, next, decayed) : next;
            p[pStart + i] = Math.fma(-rate, d, old);
        }
    }

    private void velocity(int from, int to, float factor, float rate, float decay) {
        float[] v = s[0];
        int vStart = sStart[0];
        boolean nesterov = k[2] != 0;
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float decayed = Math.fma(decay, old, factor * clamp(g[gStart + i], low, high));
            float step = -(rate * decayed);
            float next = Math.fma(momentum, v[vStart + i], step);
            v[vStart + i] = next;
            p[pStart + i] = old + (nesterov ? Math.fma(momentum, next, step) : next);
        }
    }
}
