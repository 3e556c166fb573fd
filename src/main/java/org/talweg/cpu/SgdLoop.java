package org.talweg.cpu;

import org.talweg.ops.UpdateRule;

/** {@link UpdateRule.Sgd}: one loop per case, so that none branches inside. */
final class SgdLoop extends UpdateLoop {
    private final UpdateRule.Sgd rule;

    SgdLoop(UpdateRule.Sgd rule) {
        this.rule = rule;
    }

    @Override
    void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
        float decay = k[1] * forDecay;
        if (!rule.hasMomentum()) {
            plain(x, from, to, factor, rate, decay);
        } else if (rule.velocity()) {
            velocity(x, from, to, factor, rate, decay);
        } else if (first) {
            firstMomentum(x, from, to, factor, rate, decay);
        } else {
            nextMomentum(x, from, to, factor, rate, decay);
        }
    }

    private void plain(Operands x, int from, int to, float factor, float rate, float decay) {
        float[] p = x.p;
        float[] g = x.g;
        for (int i = from; i < to; i++) {
            float old = p[i];
            float d = Math.fma(decay, old, factor * clamp(g[i], low, high));
            p[i] = Math.fma(-rate, d, old);
        }
    }

    /** The momentum buffer starts as the gradient, whatever it holds. */
    private void firstMomentum(Operands x, int from, int to, float factor, float rate, float decay) {
        float[] p = x.p;
        float[] g = x.g;
        float[] b = x.s[0];
        boolean nesterov = k[2] != 0;
        for (int i = from; i < to; i++) {
            float old = p[i];
            float decayed = Math.fma(decay, old, factor * clamp(g[i], low, high));
            b[i] = decayed;
            float d = nesterov ? Math.fma(momentum, decayed, decayed) : decayed;
            p[i] = Math.fma(-rate, d, old);
        }
    }

    private void nextMomentum(Operands x, int from, int to, float factor, float rate, float decay) {
        float[] p = x.p;
        float[] g = x.g;
        float[] b = x.s[0];
        float undamped = k[0];
        boolean nesterov = k[2] != 0;
        for (int i = from; i < to; i++) {
            float old = p[i];
            float decayed = Math.fma(decay, old, factor * clamp(g[i], low, high));
            float next = Math.fma(momentum, b[i], undamped * decayed);
            b[i] = next;
            float d = nesterov ? Math.fma(momentum, next, decayed) : next;
            p[i] = Math.fma(-rate, d, old);
        }
    }

    private void velocity(Operands x, int from, int to, float factor, float rate, float decay) {
        float[] p = x.p;
        float[] g = x.g;
        float[] v = x.s[0];
        boolean nesterov = k[2] != 0;
        for (int i = from; i < to; i++) {
            float old = p[i];
            float decayed = Math.fma(decay, old, factor * clamp(g[i], low, high));
            float step = -(rate * decayed);
            float next = Math.fma(momentum, v[i], step);
            v[i] = next;
            p[i] = old + (nesterov ? Math.fma(momentum, next, step) : next);
        }
    }
}
