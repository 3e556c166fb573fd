package org.talweg.cpu;

/** {@link org.talweg.ops.UpdateRule.Lamb}. */
final class LambLoop extends MeasuredLoop {
    @Override
    void measure(int from, int to, float factor, float forRate, float forDecay, float[] sums, int at) {
        float decay = k[6] * forDecay;
        double squares = 0;
        double directions = 0;
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[gStart + i], low, high);
            s[0][sStart[0] + i] = Math.fma(momentum, s[0][sStart[0] + i], k[2] * gradient);
            s[1][sStart[1] + i] = Math.fma(k[3], s[1][sStart[1] + i], k[4] * gradient * gradient);
            double old = p[pStart + i];
            double u = direction(i, decay);
            squares += old * old;
            directions += u * u;
        }
        sums[at] = (float) squares;
        sums[at + 1] = (float) directions;
    }

    @Override
    void move(int from, int to, float ratioRate, float rate, float forRate, float forDecay) {
        float decay = k[6] * forDecay;
        for (int i = from; i < to; i++) {
            p[pStart + i] = Math.fma(-ratioRate, direction(i, decay), p[pStart + i]);
        }
    }

    private float direction(int i, float decay) {
        float root = (float) Math.sqrt(s[1][sStart[1] + i]);
        return Math.fma(decay, p[pStart + i], s[0][sStart[0] + i] * k[0] / (root / k[1] + k[5]));
    }
}
