package org.talweg.cpu;

/** Adam's kin. Flags do not change within a loop: HotSpot splits it. */
final class MomentLoops {
    private MomentLoops() {
    }

    private static float root(float x) {
        return (float) Math.sqrt(x);
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
            for (int i = from; i < to; i++) {
                float old = p[pStart + i];
                float gradient = Math.fma(decay, old, factor * clamp(g[gStart + i], low, high));
                float mean = Math.fma(momentum, m[mStart + i], k[1] * gradient);
                float largest = Math.max(k[2] * u[uStart + i], Math.abs(gradient) + k[3]);
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
            for (int i = from; i < to; i++) {
                float old = p[pStart + i];
                float gradient = factor * clamp(g[gStart + i], low, high);
                gradient = decoupled ? gradient : Math.fma(decay, old, gradient);
                float mean = Math.fma(momentum, m[mStart + i], k[3] * gradient);
                float square = Math.fma(k[4], v[vStart + i], k[5] * gradient * gradient);
                m[mStart + i] = mean;
                v[vStart + i] = square;
                float h = root(square) / k[2] + k[6];
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
            for (int i = from; i < to; i++) {
                float old = p[pStart + i];
                float gradient = factor * clamp(g[gStart + i], low, high);
                gradient = decoupled ? gradient : Math.fma(decay, old, gradient);
                float mean = Math.fma(momentum, m[mStart + i], k[2] * gradient);
                float square = Math.fma(k[3], v[vStart + i], k[4] * gradient * gradient);
                m[mStart + i] = mean;
                v[vStart + i] = square;
                p[pStart + i] = Math.fma(-size, rectified ? mean / (root(square) + k[5]) : mean,
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
            for (int i = from; i < to; i++) {
                float gradient = factor * clamp(g[gStart + i], low, high);
                float u = Math.fma(momentum, m[mStart + i], k[0] * gradient);
                m[mStart + i] = Math.fma(k[1], m[mStart + i], k[2] * gradient);
                p[pStart + i] = p[pStart + i] * keep - rate * (u > 0 ? 1 : u < 0 ? -1 : 0);
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
            for (int i = from; i < to; i++) {
                float old = p[pStart + i];
                float difference = w[wStart + i];
                float gradient = factor * clamp(g[gStart + i], low, high);
                float square = Math.fma(k[5], v[vStart + i], k[6] * gradient * gradient);
                v[vStart + i] = square;
                float d = Math.fma(decay, old, gradient / (root(square) / k[4] + k[7]));
                p[pStart + i] = Math.fma(size, d, Math.fma(k[0], difference, old));
                w[wStart + i] = k[3] * Math.fma(-plainSize, d, difference);
            }
        }
    }
}
