package org.talweg.cpu;

import org.talweg.tensor.Tensor;

/** {@link org.talweg.ops.UpdateOps#sgd}: one loop per case, so that none branches inside. */
final class SgdLoop extends UpdateLoop {
    private float[] b;
    private int bStart;
    private float momentum;
    private float undamped;
    private boolean nesterov;
    private float weightDecay;

    void set(Tensor momentumBuffer, float newMomentum, float dampening, boolean newNesterov, float newWeightDecay) {
        b = momentumBuffer == null ? null : Heap.floats(momentumBuffer);
        bStart = momentumBuffer == null ? 0 : Heap.start(momentumBuffer);
        momentum = newMomentum;
        undamped = (float) (1 - (double) dampening);
        nesterov = newNesterov;
        weightDecay = newWeightDecay;
    }

    @Override
    public void run(int part, int from, int to) {
        if (b == null) {
            plain(from, to);
        } else if (firstStep) {
            firstMomentum(from, to);
        } else {
            nextMomentum(from, to);
        }
    }

    private void plain(int from, int to) {
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float d = Math.fma(weightDecay, old, clip * g[gStart + i]);
            p[pStart + i] = Math.fma(-learningRate, d, old);
        }
    }

    /** The momentum buffer starts as the gradient, whatever it holds. */
    private void firstMomentum(int from, int to) {
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float decayed = Math.fma(weightDecay, old, clip * g[gStart + i]);
            b[bStart + i] = decayed;
            float d = nesterov ? Math.fma(momentum, decayed, decayed) : decayed;
            p[pStart + i] = Math.fma(-learningRate, d, old);
        }
    }

    private void nextMomentum(int from, int to) {
        for (int i = from; i < to; i++) {
            float old = p[pStart + i];
            float decayed = Math.fma(weightDecay, old, clip * g[gStart + i]);
            float next = Math.fma(momentum, b[bStart + i], undamped * decayed);
            b[bStart + i] = next;
            float d = nesterov ? Math.fma(momentum, next, decayed) : next;
            p[pStart + i] = Math.fma(-learningRate, d, old);
        }
    }
}
