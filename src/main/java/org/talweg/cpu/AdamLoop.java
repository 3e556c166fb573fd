package org.talweg.cpu;

/** {@link org.talweg.ops.UpdateRule.Adam}: one loop for each kind of weight decay, so that none branches inside. */
final class AdamLoop extends UpdateLoop {
    private final boolean amsgrad;

    AdamLoop(boolean amsgrad) {
        this.amsgrad = amsgrad;
    }

    @Override
    void run(int from, int to, float factor, float rate, float forRate, float forDecay) {
        float decay = k[6] * forDecay;
        float stepSize = k[0] * forRate;
        boolean decoupled = k[7] != 0;
        float keep = decoupled ? 1 - rate * decay : 1;
        float penalty = decoupled ? 0 : decay;
        if (amsgrad) {
            for (int i = from; i < to; i++) {
                float old = p[pStart + i];
                float gradient = factor * clamp(g[gStart + i], low, high);
                float second = moments(i, decoupled ? gradient : Math.fma(penalty, old, gradient));
                float largest = Math.max(s[2][sStart[2] + i], second);
                s[2][sStart[2] + i] = largest;
                move(i, old * keep, largest, stepSize);
            }
        } else if (decoupled) {
            for (int i = from; i < to; i++) {
                float gradient = factor * clamp(g[gStart + i], low, high);
                move(i, p[pStart + i] * keep, moments(i, gradient), stepSize);
            }
        } else {
            for (int i = from; i < to; i++) {
                float old = p[pStart + i];
                float gradient = Math.fma(penalty, old, factor * clamp(g[gStart + i], low, high));
                move(i, old, moments(i, gradient), stepSize);
            }
        }
    }

    /** Brings both moments up to date; the second. */
    private float moments(int i, float gradient) {
        float second = Math.fma(k[3], s[1][sStart[1] + i], k[4] * gradient * gradient);
        s[0][sStart[0] + i] = Math.fma(k[8], s[0][sStart[0] + i], k[2] * gradient);
        s[1][sStart[1] + i] = second;
        return second;
    }

    private void move(int i, float decayed, float second, float stepSize) {
        float denominator = (float) Math.sqrt(second) / k[1] + k[5];
        p[pStart + i] = Math.fma(-stepSize, s[0][sStart[0] + i] / denominator, decayed);
    }
}
