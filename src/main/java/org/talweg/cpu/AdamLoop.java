package org.talweg.cpu;

import org.talweg.tensor.Tensor;

/** {@link org.talweg.ops.UpdateOps#adam}: one loop for each kind of weight decay, so that none branches inside. */
final class AdamLoop extends UpdateLoop {
    private float[] m;
    private int mStart;
    private float[] v;
    private int vStart;
    private float beta1;
    private float beta2;
    private float oneMinusBeta1;
    private float oneMinusBeta2;
    private float epsilon;
    private float weightDecay;
    private boolean decoupled;

    void set(Tensor firstMoment, Tensor secondMoment, float newBeta1, float newBeta2, float newEpsilon,
             float newWeightDecay, boolean newDecoupled) {
        m = Heap.floats(firstMoment);
        mStart = Heap.start(firstMoment);
        v = Heap.floats(secondMoment);
        vStart = Heap.start(secondMoment);
        beta1 = newBeta1;
        beta2 = newBeta2;
        oneMinusBeta1 = (float) (1 - (double) beta1);
        oneMinusBeta2 = (float) (1 - (double) beta2);
        epsilon = newEpsilon;
        weightDecay = newWeightDecay;
        decoupled = newDecoupled;
    }

    @Override
    public void run(int part, int from, int to) {
        if (decoupled) {
            float keep = 1 - learningRate * weightDecay;
            for (int i = from; i < to; i++) {
                step(i, p[pStart + i] * keep, clip * g[gStart + i]);
            }
        } else {
            for (int i = from; i < to; i++) {
                float old = p[pStart + i];
                step(i, old, Math.fma(weightDecay, old, clip * g[gStart + i]));
            }
        }
    }

    private void step(int i, float decayed, float gradient) {
        float first = Math.fma(beta1, m[mStart + i], oneMinusBeta1 * gradient);
        float second = Math.fma(beta2, v[vStart + i], oneMinusBeta2 * gradient * gradient);
        m[mStart + i] = first;
        v[vStart + i] = second;
        float denominator = (float) Math.sqrt(second) / sqrtBiasCorrection2 + epsilon;
        p[pStart + i] = Math.fma(-stepSize, first / denominator, decayed);
    }
}
