package org.talweg.cpu;

/** The elementwise phases of {@link org.talweg.ops.MeasuredRule.Muon}. */
final class MuonLoop extends MeasuredLoop {
    private final boolean nesterov;

    MuonLoop(boolean nesterov) {
        this.nesterov = nesterov;
    }

    @Override
    void measure(Operands x, int from, int to, float factor, float forRate, float forDecay, float[] sums, int at) {
        float[] g = x.g;
        float[] m = x.s[0];
        float[] directions = x.s[1];
        float rest = 1 - momentum;
        double squares = 0;
        float momentumWeight = k[11];
        float gradientWeight = k[12];
        for (int i = from; i < to; i++) {
            float gradient = factor * clamp(g[i], low, high);
            float mean = Math.fma(momentum, m[i], rest * gradient);
            float u = nesterov ? Math.fma(momentumWeight, mean, gradientWeight * gradient) : mean;
            m[i] = mean;
            directions[i] = u;
            squares += (double) u * u;
        }
        sums[at] = (float) squares;
        sums[at + 1] = 0;
    }

    @Override
    void move(Operands x, int from, int to, float ratioRate, float rate, float forRate, float forDecay) {
        float[] p = x.p;
        float[] g = x.g;
        float keep = 1 - rate * (k[13] * forDecay);
        for (int i = from; i < to; i++) {
            p[i] = Math.fma(-rate, g[i], p[i] * keep);
        }
    }
}
