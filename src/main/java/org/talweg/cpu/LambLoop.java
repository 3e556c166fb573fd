package org.talweg.cpu;

/** {@link org.talweg.ops.UpdateRule.Lamb}. */
final class LambLoop extends MeasuredLoop {
    @Override
    void measure(int from, int to, float factor, float forRate, float forDecay, float[] sums, int at) {
        float[] m = s[0];
        int mStart = sStart[0];
        float[] v = s[1];
        int vStart = sStart[1];
        float correction = k[0];
        float root = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float epsilon = k[5];
        float decay = k[6] * forDecay;
        double squares = 0;
        double directions = 0;
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[gStart + i], low, high);
            float first = Math.fma(momentum, m[mStart + i], rest1 * gradient);
            float second = Math.fma(beta2, v[vStart + i], rest2 * gradient * gradient);
            m[mStart + i] = first;
            v[vStart + i] = second;
            double old = p[pStart + i];
            double u = direction(p[pStart + i], first, second, correction, root, epsilon, decay);
            squares += old * old;
            directions += u * u;
        }
        sums[at] = (float) squares;
        sums[at + 1] = (float) directions;
    }

    @Override
    void move(int from, int to, float ratioRate, float rate, float forRate, float forDecay) {
        float[] m = s[0];
        int mStart = sStart[0];
        float[] v = s[1];
        int vStart = sStart[1];
        float correction = k[0];
        float root = k[1];
        float epsilon = k[5];
        float decay = k[6] * forDecay;
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            p[pStart + i] = Math.fma(-ratioRate,
                direction(old, m[mStart + i], v[vStart + i], correction, root, epsilon, decay), old);
        }
    }

    private static float direction(float p, float first, float second, float correction, float root, float epsilon,
                                   float decay) {
        return Math.fma(decay, p, first * correction / ((float) Math.sqrt(second) / root + epsilon));
    }
}
