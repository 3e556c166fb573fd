package org.talweg.cpu;

/** Updates that divide by the root of a sum or mean of squares. Flags do not change within a loop: HotSpot splits it. */
final class RootLoops {
    private RootLoops() {
    }

    private static float root(float x) {
        return (float) Math.sqrt(x);
    }

    /** {@link org.talweg.ops.AdaptiveRule.Adagrad}. */
    static final class Adagrad extends UpdateLoop {
        @Override
        void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] p = x.p;
            float[] g = x.g;
            float[] sums = x.s[0];
            float size = k[0] * forRate;
            float decay = k[1] * forDecay;
            float epsilon = k[2];
            boolean inside = k[3] != 0;
            for (int i = from; i < to; i++) {
                float old = p[i];
                float d = Math.fma(decay, old, factor * clamp(g[i], low, high));
                float sum = Math.fma(d, d, sums[i]);
                sums[i] = sum;
                p[i] = Math.fma(-size, d / (inside ? root(sum + epsilon) : root(sum) + epsilon), old);
            }
        }
    }

    /** {@link org.talweg.ops.AdaptiveRule.RmsProp}. */
    static final class RmsProp extends UpdateLoop {
        private final boolean centered;
        private final boolean hasMomentum;

        RmsProp(boolean centered, boolean hasMomentum) {
            this.centered = centered;
            this.hasMomentum = hasMomentum;
        }

        @Override
        void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] p = x.p;
            float[] g = x.g;
            float decay = k[3] * forDecay;
            boolean inside = k[4] != 0;
            boolean nesterov = k[5] != 0;
            float[] v = x.s[0];
            float[] m = x.s[1];
            float[] a = x.s[hasMomentum ? 2 : 1];
            float alpha = k[0];
            float rest = k[1];
            float epsilon = k[2];
            float correction = k[6];
            for (int i = from; i < to; i++) {
                float old = p[i];
                float d = Math.fma(decay, old, factor * clamp(g[i], low, high));
                float w = Math.fma(alpha, v[i], rest * d * d);
                v[i] = w;
                w *= correction;
                if (centered) {
                    float mean = Math.fma(alpha, a[i], rest * d);
                    a[i] = mean;
                    mean *= correction;
                    w = Math.max(Math.fma(-mean, mean, w), 0);
                }
                d = d / (inside ? root(w + epsilon) : root(w) + epsilon);
                if (hasMomentum) {
                    float b = Math.fma(momentum, m[i], d);
                    m[i] = b;
                    d = nesterov ? Math.fma(momentum, b, d) : b;
                }
                p[i] = Math.fma(-rate, d, old);
            }
        }
    }

    /** {@link org.talweg.ops.AdaptiveRule.Adadelta}. */
    static final class Adadelta extends UpdateLoop {
        @Override
        void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] p = x.p;
            float[] g = x.g;
            float[] v = x.s[0];
            float[] u = x.s[1];
            float rho = k[0];
            float rest = k[1];
            float epsilon = k[2];
            float decay = k[3] * forDecay;
            for (int i = from; i < to; i++) {
                float old = p[i];
                float gradient = Math.fma(decay, old, factor * clamp(g[i], low, high));
                float square = Math.fma(rho, v[i], rest * gradient * gradient);
                v[i] = square;
                float d = root(u[i] + epsilon) / root(square + epsilon) * gradient;
                u[i] = Math.fma(rho, u[i], rest * d * d);
                p[i] = Math.fma(-rate, d, old);
            }
        }
    }
}
