package org.talweg.cpu;

import org.talweg.ops.UpdateRule;

/** {@link UpdateRule.Prodigy}. */
final class ProdigyLoop extends MeasuredLoop {
    @Override
    void measure(int from, int to, float factor, float forRate, float forDecay, float[] sums, int at) {
        float weight = k[6] * forRate;
        double products = 0;
        double sizes = 0;
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[gStart + i], low, high);
            float h = k[1] * gradient;
            s[0][sStart[0] + i] = Math.fma(momentum, s[0][sStart[0] + i], k[2] * h);
            s[1][sStart[1] + i] = Math.fma(k[3], s[1][sStart[1] + i], k[4] * h * h);
            float sum = Math.fma(k[5], s[2][sStart[2] + i], weight * h);
            s[2][sStart[2] + i] = sum;
            products += (double) gradient * s[3][sStart[3] + i];
            sizes += Math.abs(sum);
        }
        sums[at] = (float) products;
        sums[at + 1] = (float) sizes;
    }

    @Override
    void move(int from, int to, float ratioRate, float rate, float forRate, float forDecay) {
        float size = k[0] * forRate;
        float decay = k[7] * forDecay;
        float epsilon = k[UpdateRule.Prodigy.SCALAR_EPSILON];
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float x = size
                * Math.fma(decay, old, s[0][sStart[0] + i] / ((float) Math.sqrt(s[1][sStart[1] + i]) + epsilon));
            p[pStart + i] = old - x;
            s[3][sStart[3] + i] += x;
        }
    }
}
