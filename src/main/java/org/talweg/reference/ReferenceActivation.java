package org.talweg.reference;

import org.talweg.ops.Activation;
import org.talweg.ops.ActivationOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Tensor;

/** Activations and their derivatives, in double. */
final class ReferenceActivation implements ActivationOps {
    private static final double SQRT_HALF = Math.sqrt(0.5);
    private static final double ONE_OVER_SQRT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);
    private static final double SQRT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);
    private static final double GELU_CUBE = 0.044715;

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

    @Override
    public void softmax(Tensor input, boolean log, Tensor output) {
        Shapes.expectRank("softmax input", input, 2);
        Shapes.expect("softmax output", output, input.shape());
        Values z = Values.of(input);
        Values a = Values.of(output);
        int n = input.dim(1);
        for (long start = 0; start < z.length(); start += n) {
            double max = Double.NEGATIVE_INFINITY;
            for (int j = 0; j < n; j++) {
                max = Math.max(max, z.get(start + j));
            }
            double sum = 0;
            for (int j = 0; j < n; j++) {
                sum += Math.exp(z.get(start + j) - max);
            }
            for (int j = 0; j < n; j++) {
                double shifted = z.get(start + j) - max;
                a.set(start + j, log ? shifted - Math.log(sum) : Math.exp(shifted) / sum);
            }
        }
    }

    @Override
    public void softmaxBackward(Tensor gradient, Tensor output, boolean log, boolean accumulate,
                                Tensor inputGradient) {
        Shapes.expectRank("softmax output", output, 2);
        Shapes.expect("softmax gradient", gradient, output.shape());
        Shapes.expect("softmax input gradient", inputGradient, output.shape());
        Values g = Values.of(gradient);
        Values a = Values.of(output);
        Values dz = Values.of(inputGradient);
        int n = output.dim(1);
        for (long start = 0; start < a.length(); start += n) {
            double sum = 0;
            for (int j = 0; j < n; j++) {
                sum += log ? g.get(start + j) : g.get(start + j) * a.get(start + j);
            }
            for (int j = 0; j < n; j++) {
                double upstream = g.get(start + j);
                double value = a.get(start + j);
                dz.put(start + j, log ? upstream - Math.exp(value) * sum : value * (upstream - sum), accumulate);
            }
        }
    }

    /** f(z). */
    static double apply(Activation activation, double z) {
        double p = activation.p();
        double q = activation.q();
        return switch (activation.kind()) {
            case IDENTITY -> z;
            case RELU -> Math.max(z, 0);
            case TANH -> Math.tanh(z);
            case SIGMOID -> sigmoid(z);
            case GELU -> z * normalDistribution(z);
            case LEAKY_RELU -> z > 0 ? z : p * z;
            case ELU, SELU -> z > 0 ? q * z : p * Math.expm1(z);
            case GELU_TANH -> z * sigmoid(geluArgument(z));
            case SILU -> z * sigmoid(z);
            case SOFTPLUS -> z * p > q ? z : softplus(z * p) / p;
            case MISH -> z * Math.tanh(softplus(z));
            case HARDSWISH -> z * hardSigmoid(z);
            case HARDSIGMOID -> hardSigmoid(z);
            case RELU6 -> Math.min(Math.max(z, 0), 6);
            case LOG_SIGMOID -> -softplus(-z);
        };
    }

    /** gradient · f'(saved). */
    static double differentiate(Activation activation, double gradient, double saved) {
        double p = activation.p();
        double q = activation.q();
        return switch (activation.kind()) {
            case IDENTITY -> gradient;
            // A choice, not a product: a gradient that is not finite stops at a dead unit.
            case RELU -> saved > 0 ? gradient : 0;
            case TANH -> gradient * (1 - saved * saved);
            case SIGMOID -> gradient * (saved * (1 - saved));
            case GELU -> gradient * (normalDistribution(saved) + saved * normalDensity(saved));
            case LEAKY_RELU -> saved > 0 ? gradient : gradient * p;
            case ELU, SELU -> saved > 0 ? gradient * q : gradient * (saved + p);
            case GELU_TANH -> {
                double s = sigmoid(geluArgument(saved));
                double steepness = 2 * SQRT_TWO_OVER_PI * (1 + 3 * GELU_CUBE * saved * saved);
                yield gradient * (s + tail(saved * steepness, s * (1 - s)));
            }
            case SILU -> {
                double s = sigmoid(saved);
                yield gradient * (s + tail(saved, s * (1 - s)));
            }
            case SOFTPLUS -> saved * p > q ? gradient : gradient * sigmoid(saved * p);
            case MISH -> {
                double t = Math.tanh(softplus(saved));
                yield gradient * (t + tail(saved, (1 - t * t) * sigmoid(saved)));
            }
            case HARDSWISH -> saved <= -3 ? 0 : saved >= 3 ? gradient : gradient * (saved / 3 + 0.5);
            case HARDSIGMOID -> saved > 0 && saved < 1 ? gradient / 6 : 0;
            case RELU6 -> saved > 0 && saved < 6 ? gradient : 0;
            case LOG_SIGMOID -> gradient * -Math.expm1(saved);
        };
    }

    /** σ(z). */
    private static double sigmoid(double z) {
        return 1 / (1 + Math.exp(-z));
    }

    /** log(1 + eᶻ), without overflow. */
    private static double softplus(double z) {
        return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
    }

    private static double hardSigmoid(double z) {
        return Math.min(Math.max(z + 3, 0), 6) / 6;
    }

    /** 2u with (1 + tanh u) / 2 = σ(2u). */
    private static double geluArgument(double z) {
        return 2 * SQRT_TWO_OVER_PI * (z + GELU_CUBE * z * z * z);
    }

    /** z · slope, and its limit 0 where the slope of the sigmoid has vanished. */
    private static double tail(double z, double slope) {
        return slope == 0 ? 0 : z * slope;
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
