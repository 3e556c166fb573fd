package org.talweg.cpu;

import org.talweg.ops.Activation;
import org.talweg.ops.ActivationOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Tensor;

/** Activations over runs of floats, for the epilogues of {@link CpuDense} and on their own. */
final class CpuActivation implements ActivationOps {
    /** Below it z − z³/3 is tanh z to the last bit of a float; above it the exponential form does not cancel. */
    private static final double SMALL_TANH = 1e-3;

    @Override
    public void forward(Tensor input, Activation activation, Tensor output) {
        Shapes.expectSameLength("activation output", input, output);
        forward(activation, Heap.floats(input), Heap.start(input), Heap.floats(output), Heap.start(output),
            (int) input.elements());
    }

    @Override
    public void backward(Tensor gradient, Activation activation, Tensor saved, boolean accumulate,
                                   Tensor inputGradient) {
        Shapes.expectSameLength("input gradient or saved activation", gradient, saved, inputGradient);
        Tensor s = activation.saved() == Activation.Saved.NOTHING ? gradient : saved;
        backward(activation, Heap.floats(gradient), Heap.start(gradient), Heap.floats(s), Heap.start(s), accumulate,
            Heap.floats(inputGradient), Heap.start(inputGradient), (int) gradient.elements());
    }

    /** a = f(z); the runs may be the same. */
    static void forward(Activation activation, float[] z, int zStart, float[] a, int aStart, int length) {
        switch (activation) {
            case IDENTITY -> System.arraycopy(z, zStart, a, aStart, length);
            case RELU -> {
                for (int i = 0; i < length; i++) {
                    a[aStart + i] = Math.max(z[zStart + i], 0);
                }
            }
            case TANH -> {
                for (int i = 0; i < length; i++) {
                    a[aStart + i] = (float) tanh(z[zStart + i]);
                }
            }
            case SIGMOID -> {
                for (int i = 0; i < length; i++) {
                    a[aStart + i] = (float) (1 / (1 + Math.exp(-z[zStart + i])));
                }
            }
            case GELU -> {
                for (int i = 0; i < length; i++) {
                    double value = z[zStart + i];
                    a[aStart + i] = (float) (value * NormalDistribution.cumulative(value));
                }
            }
        }
    }

    /** out = gradient ⊙ f'(saved), added to what out holds if {@code accumulate}; out may be the gradient. */
    static void backward(Activation activation, float[] gradient, int gStart, float[] saved, int sStart,
                         boolean accumulate, float[] out, int oStart, int length) {
        for (int i = 0; i < length; i++) {
            float g = gradient[gStart + i];
            float s = saved[sStart + i];
            float result = switch (activation) {
                case IDENTITY -> g;
                case RELU -> s > 0 ? g : 0;
                case TANH -> g * (float) (1 - (double) s * s);
                case SIGMOID -> g * (float) (s * (1 - (double) s));
                case GELU -> g * (float) (NormalDistribution.cumulative(s) + s * NormalDistribution.density(s));
            };
            out[oStart + i] = accumulate ? out[oStart + i] + result : result;
        }
    }

    private static double tanh(double z) {
        return Math.abs(z) < SMALL_TANH ? z - z * z * z / 3 : 1 - 2 / (Math.exp(2 * z) + 1);
    }
}
