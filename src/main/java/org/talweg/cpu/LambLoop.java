package org.talweg.cpu;

/** {@link org.talweg.ops.MeasuredRule.Lamb}. */
final class LambLoop extends MeasuredLoop {
    @Override
    void measure(Operands x, int from, int to, float factor, float forRate, float forDecay, float[] sums, int at) {
        float[] p = x.p;
        float[] g = x.g;
        float[] m = x.s[0];
        float[] v = x.s[1];
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
            float gradient = factor * clamp(g[i], low, high);
            float first = Math.fma(momentum, m[i], rest1 * gradient);
            float second = Math.fma(beta2, v[i], rest2 * gradient * gradient);
            m[i] = first;
            v[i] = second;
            double old = p[i];
            double u = direction(p[i], first, second, correction, root, epsilon, decay);
            squares += old * old;
            directions += u * u;
        }
        sums[at] = (float) squares;
        sums[at + 1] = (float) directions;
    }

    @Override
    void move(Operands x, int from, int to, float ratioRate, float rate, float forRate, float forDecay) {
        float[] p = x.p;
        float[] m = x.s[0];
        float[] v = x.s[1];
        float correction = k[0];
        float root = k[1];
        float epsilon = k[5];
        float decay = k[6] * forDecay;
        for (int i = from; i < to; i++) {
            float old = p[i];
            p[i] = Math.fma(-ratioRate,
                direction(old, m[i], v[i], correction, root, epsilon, decay), old);
        }
    }

    private static float direction(float p, float first, float second, float correction, float root, float epsilon,
                                   float decay) {
        return Math.fma(decay, p, first * correction / ((float) Math.sqrt(second) / root + epsilon));
    }
}
