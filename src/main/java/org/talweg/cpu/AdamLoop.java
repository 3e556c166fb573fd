package org.talweg.cpu;

/**
 * {@link org.talweg.ops.UpdateRule.Adam}: a loop for each case, so that none branches inside. Step scalars are copied to
 * locals first, here and in the other loops: HotSpot must think that a store to a state might change them in their array.
 */
final class AdamLoop extends UpdateLoop {
    private final boolean amsgrad;

    AdamLoop(boolean amsgrad) {
        this.amsgrad = amsgrad;
    }

    @Override
    void run(int from, int to, float factor, float rate, float forRate, float forDecay) {
        float decay = k[6] * forDecay;
        float size = k[0] * forRate;
        boolean decoupled = k[7] != 0;
        float keep = 1 - rate * decay;
        if (amsgrad && decoupled) {
            decoupledLargest(from, to, factor, size, keep);
        } else if (amsgrad) {
            coupledLargest(from, to, factor, size, decay);
        } else if (decoupled) {
            decoupled(from, to, factor, size, keep);
        } else {
            coupled(from, to, factor, size, decay);
        }
    }

    private void coupled(int from, int to, float factor, float size, float decay) {
        float[] m = s[0];
        int mStart = sStart[0];
        float[] v = s[1];
        int vStart = sStart[1];
        float root = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float epsilon = k[5];
        float inside = k[9];
        float beta1 = k[8];
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float gradient = Math.fma(decay, old, factor * clamp(g[gStart + i], low, high));
            float first = Math.fma(beta1, m[mStart + i], rest1 * gradient);
            float second = Math.fma(beta2, v[vStart + i], rest2 * gradient * gradient);
            m[mStart + i] = first;
            v[vStart + i] = second;
            p[pStart + i] = Math.fma(-size, first / ((float) Math.sqrt(second + inside) / root + epsilon), old);
        }
    }

    private void decoupled(int from, int to, float factor, float size, float keep) {
        float[] m = s[0];
        int mStart = sStart[0];
        float[] v = s[1];
        int vStart = sStart[1];
        float root = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float epsilon = k[5];
        float inside = k[9];
        float beta1 = k[8];
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[gStart + i], low, high);
            float first = Math.fma(beta1, m[mStart + i], rest1 * gradient);
            float second = Math.fma(beta2, v[vStart + i], rest2 * gradient * gradient);
            m[mStart + i] = first;
            v[vStart + i] = second;
            p[pStart + i] = Math.fma(-size, first / ((float) Math.sqrt(second + inside) / root + epsilon),
                p[pStart + i] * keep);
        }
    }

    private void coupledLargest(int from, int to, float factor, float size, float decay) {
        float[] m = s[0];
        int mStart = sStart[0];
        float[] v = s[1];
        int vStart = sStart[1];
        float[] w = s[2];
        int wStart = sStart[2];
        float root = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float epsilon = k[5];
        float inside = k[9];
        float correction = k[10];
        float beta1 = k[8];
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float gradient = Math.fma(decay, old, factor * clamp(g[gStart + i], low, high));
            float first = Math.fma(beta1, m[mStart + i], rest1 * gradient);
            float second = Math.fma(beta2, v[vStart + i], rest2 * gradient * gradient);
            float largest = Math.max(w[wStart + i], second * correction);
            m[mStart + i] = first;
            v[vStart + i] = second;
            w[wStart + i] = largest;
            p[pStart + i] = Math.fma(-size, first / ((float) Math.sqrt(largest + inside) / root + epsilon), old);
        }
    }

    private void decoupledLargest(int from, int to, float factor, float size, float keep) {
        float[] m = s[0];
        int mStart = sStart[0];
        float[] v = s[1];
        int vStart = sStart[1];
        float[] w = s[2];
        int wStart = sStart[2];
        float root = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float epsilon = k[5];
        float inside = k[9];
        float correction = k[10];
        float beta1 = k[8];
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[gStart + i], low, high);
            float first = Math.fma(beta1, m[mStart + i], rest1 * gradient);
            float second = Math.fma(beta2, v[vStart + i], rest2 * gradient * gradient);
            float largest = Math.max(w[wStart + i], second * correction);
            m[mStart + i] = first;
            v[vStart + i] = second;
            w[wStart + i] = largest;
            p[pStart + i] = Math.fma(-size, first / ((float) Math.sqrt(largest + inside) / root + epsilon),
                p[pStart + i] * keep);
        }
    }
}
