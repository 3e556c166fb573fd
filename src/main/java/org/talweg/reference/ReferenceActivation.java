package org.talweg.reference;

import org.talweg.ops.Activation;
import org.talweg.ops.ActivationOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Tensor;

/** Activations and their derivatives, in double. */
final class ReferenceActivation implements ActivationOps {
    private static final double SQRT_HALF = Math.sqrt(0.5);
    private static final double ONE_OVER_SQRT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);

    @Override
    public void forward(Tensor input, Activation activation, Tensor output) {
        Shapes.expectSameLength("activation output", input, output);
        Values z = Values.of(input);
        Values a = Values.of(output);
        for (long i = 0; i < z.length(); i++) {
            a.set(i, apply(activation, z.get(i)));
        }
    }

    @Override
    public void backward(Tensor gradient, Activation activation, Tensor saved, boolean accumulate,
                                   Tensor inputGradient) {
        Shapes.expectSameLength("input gradient or saved activation", gradient, saved, inputGradient);
        Values da = Values.of(gradient);
        Values s = saved == null ? da : Values.of(saved);
        Values dz = Values.of(inputGradient);
        for (long i = 0; i < da.length(); i++) {
            dz.put(i, differentiate(activation, da.get(i), s.get(i)), accumulate);
        }
    }

    /** f(z). */
    static double apply(Activation activation, double z) {
        return switch (activation) {
            case IDENTITY -> z;
            case RELU -> Math.max(z, 0);
            case TANH -> Math.tanh(z);
            case SIGMOID -> 1 / (1 + Math.exp(-z));
            case GELU -> z * normalDistribution(z);
        };
    }

    /** gradient · f'(saved). */
    static double differentiate(Activation activation, double gradient, double saved) {
        return switch (activation) {
            case IDENTITY -> gradient;
            // A choice, not a product: a gradient that is not finite stops at a dead unit.
            case RELU -> saved > 0 ? gradient : 0;
            case TANH -> gradient * (1 - saved * saved);
            case SIGMOID -> gradient * (saved * (1 - saved));
            case GELU -> gradient * (normalDistribution(saved) + saved * normalDensity(saved));
        };
    }

    /** Φ(z). */
    private static double normalDistribution(double z) {
        return ErrorFunction.erfc(-z * SQRT_HALF) / 2;
    }

    /** φ(z). */
    private static double normalDensity(double z) {
        return ONE_OVER_SQRT_TWO_PI * Math.exp(-z * z / 2);
    }
}
