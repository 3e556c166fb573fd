package org.talweg.cpu;

/** The elementwise phases of {@link org.talweg.ops.UpdateRule.Muon}. */
final class MuonLoop extends MeasuredLoop {
    private final boolean nesterov;

    MuonLoop(boolean nesterov) {
        this.nesterov = nesterov;
    }

    @Override
    void measure(int from, int to, float factor, float forRate, float forDecay, float[] sums, int at) {
        float rest = 1 - momentum;
        double squares = 0;
        float momentumWeight = k[11];
        float gradientWeight = k[12];
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[gStart + i], low, high);
            float m = Math.fma(momentum, s[0][sStart[0] + i], rest * gradient);
            float u = nesterov ? Math.fma(momentumWeight, m, gradientWeight * gradient) : m;
            s[0][sStart[0] + i] = m;
            s[1][sStart[1] + i] = u;
            squares += (double) u * u;
        }
        sums[at] = (float) squares;
        sums[at + 1] = 0;
    }

    @Override
    void move(int from, int to, float ratioRate, float rate, float forRate, float forDecay) {
        float keep = 1 - rate * (k[13] * forDecay);
        for (int i = from; i < to; i++) {
            p[pStart + i] = Math.fma(-rate, g[gStart + i], p[pStart + i] * keep);
        }
    }
}
