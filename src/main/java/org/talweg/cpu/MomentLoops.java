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

    /** {@link org.talweg.ops.UpdateRule.Adamax}. */
    static final class Adamax extends UpdateLoop {
        @Override
        void run(int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] m = s[0];
            int mStart = sStart[0];
            float[] u = s[1];
            int uStart = sStart[1];
            float size = k[0] * forRate;
            float decay = k[4] * forDecay;
            float rest1 = k[1];
            float beta2 = k[2];
            float epsilon = k[3];
            for (int i = from; i < to; i++) {
                float old = p[pStart + i];
                float gradient = Math.fma(decay, old, factor * clamp(g[gStart + i], low, high));
                float mean = Math.fma(momentum, m[mStart + i], rest1 * gradient);
                float largest = Math.max(beta2 * u[uStart + i], Math.abs(gradient) + epsilon);
                m[mStart + i] = mean;
                u[uStart + i] = largest;
                p[pStart + i] = Math.fma(-size, mean / largest, old);
            }
        }
    }

    /** {@link org.talweg.ops.UpdateRule.NAdam}. */
    static final class NAdam extends UpdateLoop {
        @Override
        void run(int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] m = s[0];
            int mStart = sStart[0];
            float[] v = s[1];
            int vStart = sStart[1];
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
                float old = p[pStart + i];
                float gradient = factor * clamp(g[gStart + i], low, high);
                gradient = decoupled ? gradient : Math.fma(decay, old, gradient);
                float mean = Math.fma(momentum, m[mStart + i], rest1 * gradient);
                float square = Math.fma(beta2, v[vStart + i], rest2 * gradient * gradient);
                m[mStart + i] = mean;
                v[vStart + i] = square;
                float h = root(square) / correction + epsilon;
                p[pStart + i] = Math.fma(-size, mean / h,
                    Math.fma(-gradientSize, gradient / h, decoupled ? old * keep : old));
            }
        }
    }

    /** {@link org.talweg.ops.UpdateRule.RAdam}. */
    static final class RAdam extends UpdateLoop {
        @Override
        void run(int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] m = s[0];
            int mStart = sStart[0];
            float[] v = s[1];
            int vStart = sStart[1];
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
                float old = p[pStart + i];
                float gradient = factor * clamp(g[gStart + i], low, high);
                gradient = decoupled ? gradient : Math.fma(decay, old, gradient);
                float mean = Math.fma(momentum, m[mStart + i], rest1 * gradient);
                float square = Math.fma(beta2, v[vStart + i], rest2 * gradient * gradient);
                m[mStart + i] = mean;
                v[vStart + i] = square;
                p[pStart + i] = Math.fma(-size, rectified ? mean / (root(square) + epsilon) : mean,
                    decoupled ? old * keep : old);
            }
        }
    }

    /** {@link org.talweg.ops.UpdateRule.Lion}. */
    static final class Lion extends UpdateLoop {
        @Override
        void run(int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] m = s[0];
            int mStart = sStart[0];
            float keep = 1 - rate * (k[3] * forDecay);
            float rest1 = k[0];
            float beta2 = k[1];
            float rest2 = k[2];
            for (int i = from; i < to; i++) {
                float gradient = factor * clamp(g[gStart + i], low, high);
                float u = Math.fma(momentum, m[mStart + i], rest1 * gradient);
                m[mStart + i] = Math.fma(beta2, m[mStart + i], rest2 * gradient);
                p[pStart + i] = p[pStart + i] * keep - rate * sign(u);
            }
        }
    }

    /** {@link org.talweg.ops.UpdateRule.ScheduleFree}. */
    static final class ScheduleFree extends UpdateLoop {
        @Override
        void run(int from, int to, float factor, float rate, float forRate, float forDecay) {
            float[] v = s[0];
            int vStart = sStart[0];
            float[] w = s[1];
            int wStart = sStart[1];
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
                float old = p[pStart + i];
                float difference = w[wStart + i];
                float gradient = factor * clamp(g[gStart + i], low, high);
                float square = Math.fma(beta2, v[vStart + i], rest2 * gradient * gradient);
                v[vStart + i] = square;
                float d = Math.fma(decay, old, gradient / (root(square) / correction + epsilon));
                p[pStart + i] = Math.fma(size, d, Math.fma(share, difference, old));
                w[wStart + i] = restShare * Math.fma(-plainSize, d, difference);
            }
        }
    }
}
