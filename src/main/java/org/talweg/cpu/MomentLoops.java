package org.talweg.cpu;

/** Adam's kin. Flags do not change within a loop: HotSpot splits it. */
final class MomentLoops {
    private MomentLoops() {
    }

    private static float root(float x) {
        return (float) Math.sqrt(x);
    }

    /** As Math.signum, but for the sign of zero, and without a branch: that would keep the loop from being vectorised. */
    private static float sign(float x) {
        float finite = Math.max(-Float.MAX_VALUE, Math.min(Float.MAX_VALUE, x));
        return finite / Math.max(Math.abs(finite), Float.MIN_VALUE) + 0f;
    }

    /** {@link org.talweg.ops.AdaptiveRule.Adamax}. */
    static final class Adamax extends UpdateLoop {
        @Override
        void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] p = x.p;
            float[] g = x.g;
            float[] m = x.s[0];
            float[] u = x.s[1];
            float size = k[0] * forRate;
            float decay = k[4] * forDecay;
            float rest1 = k[1];
            float beta2 = k[2];
            float epsilon = k[3];
            for (int i = from; i < to; i++) {
                float old = p[i];
                float gradient = Math.fma(decay, old, factor * clamp(g[i], low, high));
                float mean = Math.fma(momentum, m[i], rest1 * gradient);
                float largest = Math.max(beta2 * u[i], Math.abs(gradient) + epsilon);
                m[i] = mean;
                u[i] = largest;
                p[i] = Math.fma(-size, mean / largest, old);
            }
        }
    }

    /** {@link org.talweg.ops.AdaptiveRule.NAdam}. */
    static final class NAdam extends UpdateLoop {
        @Override
        void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] p = x.p;
            float[] g = x.g;
            float[] m = x.s[0];
            float[] v = x.s[1];
            float gradientSize = k[0] * forRate;
            float size = k[1] * forRate;
            float decay = k[7] * forDecay;
            boolean decoupled = k[8] != 0;
            float keep = 1 - rate * decay;
            float correction = k[2];
            float rest1 = k[3];
            float beta2 = k[4];
            float rest2 = k[5];
            float epsilon = k[6];
            for (int i = from; i < to; i++) {
                float old = p[i];
                float gradient = factor * clamp(g[i], low, high);
                gradient = decoupled ? gradient : Math.fma(decay, old, gradient);
                float mean = Math.fma(momentum, m[i], rest1 * gradient);
                float square = Math.fma(beta2, v[i], rest2 * gradient * gradient);
                m[i] = mean;
                v[i] = square;
                float h = root(square) / correction + epsilon;
                p[i] = Math.fma(-size, mean / h,
                    Math.fma(-gradientSize, gradient / h, decoupled ? old * keep : old));
            }
        }
    }

    /** {@link org.talweg.ops.AdaptiveRule.RAdam}. */
    static final class RAdam extends UpdateLoop {
        @Override
        void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] p = x.p;
            float[] g = x.g;
            float[] m = x.s[0];
            float[] v = x.s[1];
            float size = k[0] * forRate;
            boolean rectified = k[1] != 0;
            float decay = k[6] * forDecay;
            boolean decoupled = k[7] != 0;
            float keep = 1 - rate * decay;
            float rest1 = k[2];
            float beta2 = k[3];
            float rest2 = k[4];
            float epsilon = k[5];
            for (int i = from; i < to; i++) {
                float old = p[i];
                float gradient = factor * clamp(g[i], low, high);
                gradient = decoupled ? gradient : Math.fma(decay, old, gradient);
                float mean = Math.fma(momentum, m[i], rest1 * gradient);
                float square = Math.fma(beta2, v[i], rest2 * gradient * gradient);
                m[i] = mean;
                v[i] = square;
                p[i] = Math.fma(-size, rectified ? mean / (root(square) + epsilon) : mean,
                    decoupled ? old * keep : old);
            }
        }
    }

    /** {@link org.talweg.ops.AdaptiveRule.Lion}. */
    static final class Lion extends UpdateLoop {
        @Override
        void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] p = x.p;
            float[] g = x.g;
            float[] m = x.s[0];
            float keep = 1 - rate * (k[3] * forDecay);
            float rest1 = k[0];
            float beta2 = k[1];
            float rest2 = k[2];
            for (int i = from; i < to; i++) {
                float gradient = factor * clamp(g[i], low, high);
                float u = Math.fma(momentum, m[i], rest1 * gradient);
                m[i] = Math.fma(beta2, m[i], rest2 * gradient);
                p[i] = p[i] * keep - rate * sign(u);
            }
        }
    }

    /** {@link org.talweg.ops.AdaptiveRule.ScheduleFree}. */
    static final class ScheduleFree extends UpdateLoop {
        @Override
        void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] p = x.p;
            float[] g = x.g;
            float[] v = x.s[0];
            float[] w = x.s[1];
            float size = k[1] * forRate;
            float plainSize = k[2] * forRate;
            float decay = k[8] * forDecay;
            float share = k[0];
            float restShare = k[3];
            float correction = k[4];
            float beta2 = k[5];
            float rest2 = k[6];
            float epsilon = k[7];
            for (int i = from; i < to; i++) {
                float old = p[i];
                float difference = w[i];
                float gradient = factor * clamp(g[i], low, high);
                float square = Math.fma(beta2, v[i], rest2 * gradient * gradient);
                v[i] = square;
                float d = Math.fma(decay, old, gradient / (root(square) / correction + epsilon));
                p[i] = Math.fma(size, d, Math.fma(share, difference, old));
                w[i] = restShare * Math.fma(-plainSize, d, difference);
            }
        }
    }
}
