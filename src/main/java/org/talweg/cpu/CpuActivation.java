package org.talweg.cpu;

import org.talweg.ops.Activation;
import org.talweg.ops.ActivationOps;
import org.talweg.ops.Shapes;
import org.talweg.tensor.Tensor;

/** Activations over runs of floats, for the epilogues of {@link CpuDense} and on their own. */
final class CpuActivation implements ActivationOps {
    /** Below it z − z³/3 is tanh z to the last bit of a float; above it the exponential form does not cancel. */
    private static final double SMALL_TANH = 1e-3;
    private static final double SQRT_TWO_OVER_PI = Math.sqrt(2 / Math.PI);
    private static final double GELU_CUBE = 0.044715;
    /** Below it two terms of a series are exact to a float; above it 1 + x keeps enough of x. */
    private static final double SMALL = 1e-5;
    private static final int ONE = Float.floatToRawIntBits(1);
    private static final int INFINITY = Float.floatToRawIntBits(Float.POSITIVE_INFINITY);

    private static final long SOFTMAX_OPERATIONS = 40;

    private final Parallel parallel;
    private final Forward forward = new Forward();
    private final Backward backward = new Backward();
    private final Softmax softmax = new Softmax();
    private final SoftmaxBackward softmaxBackward = new SoftmaxBackward();

    CpuActivation(Parallel parallel) {
        this.parallel = parallel;
    }

    private static final class Forward implements Parallel.Body {
        private Tensor input;
        private Activation activation;
        private Tensor output;

        @Override
        public void run(int slot, int from, int to) {
            System.arraycopy(Heap.floats(input), Heap.start(input) + from, Heap.floats(output),
                Heap.start(output) + from, to - from);
            forward(activation, Heap.floats(output), Heap.start(output) + from, to - from);
        }
    }

    private static final class Backward implements Parallel.Body {
        private Tensor gradient;
        private Activation activation;
        private Tensor saved;
        private boolean accumulate;
        private Tensor inputGradient;

        @Override
        public void run(int slot, int from, int to) {
            backward(activation, Heap.floats(gradient), Heap.start(gradient) + from, Heap.floats(saved),
                Heap.start(saved) + from, accumulate, Heap.floats(inputGradient), Heap.start(inputGradient) + from,
                to - from);
        }
    }

    private static final class Softmax implements Parallel.Body {
        private Tensor input;
        private boolean log;
        private Tensor output;

        @Override
        public void run(int slot, int from, int to) {
            int n = input.dim(1);
            for (int i = from; i < to; i++) {
                softmaxRow(Heap.floats(input), Heap.start(input) + i * n, Heap.floats(output),
                    Heap.start(output) + i * n, n, log);
            }
        }
    }

    private static final class SoftmaxBackward implements Parallel.Body {
        private Tensor gradient;
        private Tensor output;
        private boolean log;
        private boolean accumulate;
        private Tensor inputGradient;

        @Override
        public void run(int slot, int from, int to) {
            float[] g = Heap.floats(gradient);
            float[] a = Heap.floats(output);
            float[] dz = Heap.floats(inputGradient);
            int n = output.dim(1);
            for (int i = from; i < to; i++) {
                int gAt = Heap.start(gradient) + i * n;
                int aAt = Heap.start(output) + i * n;
                int out = Heap.start(inputGradient) + i * n;
                double sum = 0;
                for (int j = 0; j < n; j++) {
                    sum += log ? g[gAt + j] : (double) g[gAt + j] * a[aAt + j];
                }
                for (int j = 0; j < n; j++) {
                    float result = (float) (log ? g[gAt + j] - Math.exp(a[aAt + j]) * sum
                        : a[aAt + j] * (g[gAt + j] - sum));
                    dz[out + j] = accumulate ? dz[out + j] + result : result;
                }
            }
        }
    }

    @Override
    public void forward(Tensor input, Activation activation, Tensor output) {
        Shapes.expectSameLength("activation output", input, output);
        forward.input = input;
        forward.activation = activation;
        forward.output = output;
        parallel.run((int) input.elements(), operations(activation) * input.elements(), forward);
    }

    @Override
    public void backward(Tensor gradient, Activation activation, Tensor saved, boolean accumulate,
                                   Tensor inputGradient) {
        Shapes.expectSameLength("input gradient or saved activation", gradient, saved, inputGradient);
        Tensor s = activation.saved() == Activation.Saved.NOTHING ? gradient : saved;
        backward.gradient = gradient;
        backward.activation = activation;
        backward.saved = s;
        backward.accumulate = accumulate;
        backward.inputGradient = inputGradient;
        parallel.run((int) gradient.elements(), operations(activation) * gradient.elements(), backward);
    }

    /** An element's, roughly. */
    private static long operations(Activation activation) {
        return switch (activation.kind()) {
            case IDENTITY, RELU, LEAKY_RELU, RELU6, HARDSIGMOID, HARDSWISH -> 2;
            default -> 40;
        };
    }

    @Override
    public void softmax(Tensor input, boolean log, Tensor output) {
        Shapes.expectRank("softmax input", input, 2);
        Shapes.expect("softmax output", output, input.shape());
        softmax.input = input;
        softmax.log = log;
        softmax.output = output;
        parallel.run(input.dim(0), SOFTMAX_OPERATIONS * input.elements(), softmax);
    }

    private static void softmaxRow(float[] z, int at, float[] a, int out, int n, boolean log) {
        float max = Float.NEGATIVE_INFINITY;
        for (int j = 0; j < n; j++) {
            max = Math.max(max, z[at + j]);
        }
        double sum = 0;
        for (int j = 0; j < n; j++) {
            double e = Math.exp((double) z[at + j] - max);
            sum += e;
            a[out + j] = log ? z[at + j] : (float) e;
        }
        double logSum = Math.log(sum);
        double inverse = 1 / sum;
        for (int j = 0; j < n; j++) {
            a[out + j] = (float) (log ? (double) a[out + j] - max - logSum : a[out + j] * inverse);
        }
    }

    @Override
    public void softmaxBackward(Tensor gradient, Tensor output, boolean log, boolean accumulate,
                                Tensor inputGradient) {
        Shapes.expectRank("softmax output", output, 2);
        Shapes.expect("softmax gradient", gradient, output.shape());
        Shapes.expect("softmax input gradient", inputGradient, output.shape());
        softmaxBackward.gradient = gradient;
        softmaxBackward.output = output;
        softmaxBackward.log = log;
        softmaxBackward.accumulate = accumulate;
        softmaxBackward.inputGradient = inputGradient;
        parallel.run(output.dim(0), SOFTMAX_OPERATIONS * output.elements(), softmaxBackward);
    }

    /**
     * a = f(a): one array at one index, because HotSpot (17 and 25) vectorises no loop that stores to one place and reads
     * from another which might be the same.
     */
    static void forward(Activation activation, float[] a, int start, int length) {
        int end = start + length;
        switch (activation.kind()) {
            case IDENTITY -> { }
            case RELU -> {
                for (int i = start; i < end; i++) {
                    a[i] = Math.max(a[i], 0);
                }
            }
            case RELU6 -> {
                for (int i = start; i < end; i++) {
                    a[i] = Math.min(Math.max(a[i], 0), 6);
                }
            }
            case LEAKY_RELU -> {
                float slope = activation.p();
                for (int i = start; i < end; i++) {
                    a[i] = Math.max(a[i], 0) + slope * Math.min(a[i], 0);
                }
            }
            case HARDSIGMOID -> {
                for (int i = start; i < end; i++) {
                    a[i] = Math.min(Math.max(a[i] + 3, 0), 6) / 6;
                }
            }
            case HARDSWISH -> {
                for (int i = start; i < end; i++) {
                    a[i] = a[i] * (Math.min(Math.max(a[i] + 3, 0), 6) / 6);
                }
            }
            case TANH -> {
                for (int i = start; i < end; i++) {
                    a[i] = (float) tanh(a[i]);
                }
            }
            case SIGMOID -> {
                for (int i = start; i < end; i++) {
                    a[i] = (float) sigmoid(a[i]);
                }
            }
            default -> {
                for (int i = start; i < end; i++) {
                    a[i] = (float) apply(activation, a[i]);
                }
            }
        }
    }

    /** f(z) of those without a loop of their own. */
    private static double apply(Activation activation, double z) {
        double p = activation.p();
        double q = activation.q();
        return switch (activation.kind()) {
            case GELU -> z * NormalDistribution.cumulative(z);
            case ELU, SELU -> z > 0 ? q * z : p * expm1(z);
            case GELU_TANH -> z * sigmoid(geluArgument(z));
            case SILU -> z * sigmoid(z);
            case SOFTPLUS -> z * p > q ? z : softplus(z * p) / p;
            case MISH -> z * tanhSoftplus(z);
            case LOG_SIGMOID -> -softplus(-z);
            default -> throw new AssertionError(activation);
        };
    }

    /** out = gradient ⊙ f'(saved), added to what out holds if {@code accumulate}; out may be the gradient. */
    static void backward(Activation activation, float[] gradient, int gStart, float[] saved, int sStart,
                         boolean accumulate, float[] out, int oStart, int length) {
        if (accumulate || gStart != oStart || sStart != oStart) {
            for (int i = 0; i < length; i++) {
                float result = differentiate(activation, gradient[gStart + i], saved[sStart + i]);
                out[oStart + i] = accumulate ? out[oStart + i] + result : result;
            }
            return;
        }
        int end = oStart + length;
        switch (activation.kind()) {
            case IDENTITY -> System.arraycopy(gradient, gStart, out, oStart, length);
            case RELU -> {
                for (int i = oStart; i < end; i++) {
                    out[i] = choose(positive(saved[i]), gradient[i]);
                }
            }
            case RELU6 -> {
                for (int i = oStart; i < end; i++) {
                    out[i] = choose(positive(saved[i]) & positive(6 - saved[i]), gradient[i]);
                }
            }
            case HARDSIGMOID -> {
                for (int i = oStart; i < end; i++) {
                    out[i] = choose(positive(saved[i]) & positive(1 - saved[i]), gradient[i] / 6);
                }
            }
            case LEAKY_RELU -> {
                int slope = Float.floatToRawIntBits(activation.p());
                for (int i = oStart; i < end; i++) {
                    int side = positive(saved[i]);
                    out[i] = gradient[i] * Float.intBitsToFloat(side & ONE | ~side & slope);
                }
            }
            default -> {
                for (int i = oStart; i < end; i++) {
                    out[i] = differentiate(activation, gradient[i], saved[i]);
                }
            }
        }
    }

    /** All ones where s > 0, else 0: without a branch, which random signs would mispredict half the time. */
    private static int positive(float s) {
        int bits = Float.floatToRawIntBits(s);
        return ~((bits - 1 | INFINITY - bits) >> 31);
    }

    /** The value, or 0 where the mask is. */
    private static float choose(int mask, float value) {
        return Float.intBitsToFloat(mask & Float.floatToRawIntBits(value));
    }

    /** gradient · f'(saved). */
    private static float differentiate(Activation activation, float g, float s) {
        float p = activation.p();
        float q = activation.q();
        return switch (activation.kind()) {
            case IDENTITY -> g;
            case RELU -> choose(positive(s), g);
            case RELU6 -> choose(positive(s) & positive(6 - s), g);
            case HARDSIGMOID -> choose(positive(s) & positive(1 - s), g / 6);
            case LEAKY_RELU -> s > 0 ? g : g * p;
            case TANH -> g * (float) (1 - (double) s * s);
            case SIGMOID -> g * (float) (s * (1 - (double) s));
            case GELU -> g * (float) (NormalDistribution.cumulative(s) + s * NormalDistribution.density(s));
            case ELU, SELU -> s > 0 ? g * q : g * (float) ((double) s + p);
            case GELU_TANH -> {
                double sigmoid = sigmoid(geluArgument(s));
                double steepness = 2 * SQRT_TWO_OVER_PI * (1 + 3 * GELU_CUBE * s * s);
                yield g * (float) (sigmoid + tail(s * steepness, sigmoid * (1 - sigmoid)));
            }
            case SILU -> {
                double sigmoid = sigmoid(s);
                yield g * (float) (sigmoid + tail(s, sigmoid * (1 - sigmoid)));
            }
            case SOFTPLUS -> (double) s * p > q ? g : g * (float) sigmoid((double) s * p);
            case MISH -> {
                double t = tanhSoftplus(s);
                yield g * (float) (t + tail(s, (1 - t * t) * sigmoid(s)));
            }
            case HARDSWISH -> s <= -3 ? 0 : s >= 3 ? g : g * (float) (s / 3.0 + 0.5);
            case LOG_SIGMOID -> g * (float) -expm1(s);
            default -> throw new AssertionError(activation);
        };
    }

    private static double sigmoid(double z) {
        return 1 / (1 + Math.exp(-z));
    }

    /** log(1 + eᶻ), without overflow, to the last bit of a float. */
    private static double softplus(double z) {
        double e = Math.exp(-Math.abs(z));
        return Math.max(z, 0) + (e < SMALL ? e - e * e / 2 : Math.log(1 + e));
    }

    /** eᶻ − 1, to the last bit of a float. */
    private static double expm1(double z) {
        return Math.abs(z) < SMALL ? z + z * z / 2 : Math.exp(z) - 1;
    }

    /** ((1 + eᶻ)² − 1) / ((1 + eᶻ)² + 1): one exponential instead of three. */
    private static double tanhSoftplus(double z) {
        double e = Math.exp(Math.min(z, 40));
        double n = e * (e + 2);
        return n / (n + 2);
    }

    private static double geluArgument(double z) {
        return 2 * SQRT_TWO_OVER_PI * (z + GELU_CUBE * z * z * z);
    }

    /** z · slope, and its limit 0 where the slope has vanished. */
    private static double tail(double z, double slope) {
        return slope == 0 ? 0 : z * slope;
    }

    private static double tanh(double z) {
        return Math.abs(z) < SMALL_TANH ? z - z * z * z / 3 : 1 - 2 / (Math.exp(2 * z) + 1);
    }
}
