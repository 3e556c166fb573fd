package org.talweg.cpu;

import org.talweg.ops.UpdateRule;

/** {@link UpdateRule.Prodigy}. */
final class ProdigyLoop extends MeasuredLoop {
    @Override
    void measure(int from, int to, float factor, float forRate, float forDecay, float[] sums, int at) {
        float[] m = s[0];
        int mStart = sStart[0];
        float[] v = s[1];
        int vStart = sStart[1];
        float[] weighted = s[2];
        int weightedStart = sStart[2];
        float[] way = s[3];
        int wayStart = sStart[3];
        float d = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float beta3 = k[5];
        float weight = k[6] * forRate;
        double products = 0;
        double sizes = 0;
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[gStart + i], low, high);
            float h = d * gradient;
            m[mStart + i] = Math.fma(momentum, m[mStart + i], rest1 * h);
            v[vStart + i] = Math.fma(beta2, v[vStart + i], rest2 * h * h);
            float sum = Math.fma(beta3, weighted[weightedStart + i], weight * h);
            weighted[weightedStart + i] = sum;
            products += (double) gradient * way[wayStart + i];
            sizes += Math.abs(sum);
        }
        sums[at] = (float) products;
        sums[at + 1] = (float) sizes;
    }

    @Override
    void move(int from, int to, float ratioRate, float rate, float forRate, float forDecay) {
        float[] m = s[0];
        int mStart = sStart[0];
        float[] v = s[1];
        int vStart = sStart[1];
        float[] way = s[3];
        int wayStart = sStart[3];
        float size = k[0] * forRate;
        float decay = k[7] * forDecay;
        float epsilon = k[UpdateRule.Prodigy.SCALAR_EPSILON];
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float x = size * Math.fma(decay, old, m[mStart + i] / ((float) Math.sqrt(v[vStart + i]) + epsilon));
            p[pStart + i] = old - x;
            way[wayStart + i] += x;
        }
    }
}
