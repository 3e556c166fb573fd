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
    void run(Operands x, int from, int to, float factor, float rate, float forRate, float forDecay) {
        float decay = k[6] * forDecay;
        float size = k[0] * forRate;
        boolean decoupled = k[7] != 0;
        float keep = 1 - rate * decay;
        if (amsgrad && decoupled) {
            decoupledLargest(x, from, to, factor, size, keep);
        } else if (amsgrad) {
            coupledLargest(x, from, to, factor, size, decay);
        } else if (decoupled) {
            decoupled(x, from, to, factor, size, keep);
        } else {
            coupled(x, from, to, factor, size, decay);
        }
    }

    private void coupled(Operands x, int from, int to, float factor, float size, float decay) {
        float[] p = x.p;
        float[] g = x.g;
        float[] m = x.s[0];
        float[] v = x.s[1];
        float root = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float epsilon = k[5];
        float inside = k[9];
        float beta1 = k[8];
        for (int i = from; i < to; i++) {
            float old = p[i];
            float gradient = Math.fma(decay, old, factor * clamp(g[i], low, high));
            float first = Math.fma(beta1, m[i], rest1 * gradient);
            float second = Math.fma(beta2, v[i], rest2 * gradient * gradient);
            m[i] = first;
            v[i] = second;
            p[i] = Math.fma(-size, first / ((float) Math.sqrt(second + inside) / root + epsilon), old);
        }
    }

    private void decoupled(Operands x, int from, int to, float factor, float size, float keep) {
        float[] p = x.p;
        float[] g = x.g;
        float[] m = x.s[0];
        float[] v = x.s[1];
        float root = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float epsilon = k[5];
        float inside = k[9];
        float beta1 = k[8];
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[i], low, high);
            float first = Math.fma(beta1, m[i], rest1 * gradient);
            float second = Math.fma(beta2, v[i], rest2 * gradient * gradient);
            m[i] = first;
            v[i] = second;
            p[i] = Math.fma(-size, first / ((float) Math.sqrt(second + inside) / root + epsilon),
                p[i] * keep);
        }
    }

    private void coupledLargest(Operands x, int from, int to, float factor, float size, float decay) {
        float[] p = x.p;
        float[] g = x.g;
        float[] m = x.s[0];
        float[] v = x.s[1];
        float[] w = x.s[2];
        float root = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float epsilon = k[5];
        float inside = k[9];
        float correction = k[10];
        float beta1 = k[8];
        for (int i = from; i < to; i++) {
            float old = p[i];
            float gradient = Math.fma(decay, old, factor * clamp(g[i], low, high));
            float first = Math.fma(beta1, m[i], rest1 * gradient);
            float second = Math.fma(beta2, v[i], rest2 * gradient * gradient);
            float largest = Math.max(w[i], second * correction);
            m[i] = first;
            v[i] = second;
            w[i] = largest;
            p[i] = Math.fma(-size, first / ((float) Math.sqrt(largest + inside) / root + epsilon), old);
        }
    }

    private void decoupledLargest(Operands x, int from, int to, float factor, float size, float keep) {
        float[] p = x.p;
        float[] g = x.g;
        float[] m = x.s[0];
        float[] v = x.s[1];
        float[] w = x.s[2];
        float root = k[1];
        float rest1 = k[2];
        float beta2 = k[3];
        float rest2 = k[4];
        float epsilon = k[5];
        float inside = k[9];
        float correction = k[10];
        float beta1 = k[8];
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[i], low, high);
            float first = Math.fma(beta1, m[i], rest1 * gradient);
            float second = Math.fma(beta2, v[i], rest2 * gradient * gradient);
            float largest = Math.max(w[i], second * correction);
            m[i] = first;
            v[i] = second;
            w[i] = largest;
            p[i] = Math.fma(-size, first / ((float) Math.sqrt(largest + inside) / root + epsilon),
                p[i] * keep);
        }
    }
}
