package org.talweg.cpu;

import org.talweg.ops.MeasuredRule;

/** {@link MeasuredRule.Prodigy}. */
final class ProdigyLoop extends MeasuredLoop {
    @Override
    void measure(Operands x, int from, int to, float factor, float forRate, float forDecay, float[] sums, int at) {
        float[] g = x.g;
        float[] m = x.s[0];
        float[] v = x.s[1];
        float[] weighted = x.s[2];
        float[] way = x.s[3];
        float d = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float beta3 = k[5];
        float weight = k[6] * forRate;
        double products = 0;
        double sizes = 0;
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[i], low, high);
            float h = d * gradient;
            m[i] = Math.fma(momentum, m[i], rest1 * h);
            v[i] = Math.fma(beta2, v[i], rest2 * h * h);
            float sum = Math.fma(beta3, weighted[i], weight * h);
            weighted[i] = sum;
            products += (double) gradient * way[i];
            sizes += Math.abs(sum);
        }
        sums[at] = (float) products;
        sums[at + 1] = (float) sizes;
    }

    @Override
    void move(Operands x, int from, int to, float ratioRate, float rate, float forRate, float forDecay) {
        float[] p = x.p;
        float[] m = x.s[0];
        float[] v = x.s[1];
        float[] way = x.s[3];
        float size = k[0] * forRate;
        float decay = k[7] * forDecay;
        float epsilon = k[MeasuredRule.Prodigy.SCALAR_EPSILON];
        for (int i = from; i < to; i++) {
            float old = p[i];
            float change = size * Math.fma(decay, old, m[i] / ((float) Math.sqrt(v[i]) + epsilon));
            p[i] = old - change;
            way[i] += change;
        }
    }
}
