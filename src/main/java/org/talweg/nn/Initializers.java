package org.talweg.nn;

import org.talweg.ops.Activation;
import org.talweg.tape.Initializer;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * First values of parameters. Random ones depend on the model's seed and the parameter's number alone. For weights
 * [outputs×inputs×…] with r further elements for each pair (a filter's, else 1), fan-in is inputs · r and fan-out
 * outputs · r.
 */
public final class Initializers {
    /** Deviation of a standard normal distribution cut off at ±2. */
    private static final double TRUNCATED_DEVIATION = 0.87962566103423978;
    private static final double RELU_GAIN = Math.sqrt(2);

    /** Whose variance is kept: that of the signals forward, of the gradients backward, or a compromise. */
    public enum Fan {
        IN, OUT, AVERAGE
    }

    /** Of values with a given deviation. */
    public enum Distribution {
        UNIFORM, NORMAL,
        /** Cut off at twice the deviation and widened, so that it has the deviation: what Keras calls normal. */
        TRUNCATED_NORMAL
    }

    private Initializers() {
    }

    /** Deviation gain / √fan. Keras's VarianceScaling with scale = gain². */
    public static Initializer varianceScaling(double gain, Fan fan, Distribution distribution) {
        return (device, parameter, seed, stream) -> {
            double deviation = gain / Math.sqrt(count(parameter, fan));
            Initializer scaled = switch (distribution) {
                case UNIFORM -> {
                    float limit = (float) (Math.sqrt(3) * deviation);
                    yield uniform(-limit, limit);
                }
                case NORMAL -> normal(0, (float) deviation);
                case TRUNCATED_NORMAL -> {
                    float wide = (float) (deviation / TRUNCATED_DEVIATION);
                    yield truncatedNormal(0, wide, -2 * wide, 2 * wide);
                }
            };
            scaled.fill(device, parameter, seed, stream);
        };
    }

    /** U(−a, a) with a = √(6 / (fan-in + fan-out)). Glorot and Bengio 2010; Keras's default. */
    public static Initializer glorotUniform() {
        return varianceScaling(1, Fan.AVERAGE, Distribution.UNIFORM);
    }

    /** N(0, 2 / (fan-in + fan-out)). Glorot and Bengio 2010. */
    public static Initializer glorotNormal() {
        return varianceScaling(1, Fan.AVERAGE, Distribution.NORMAL);
    }

    /** U(−a, a) with a = √(6 / fan-in): keeps the variance through ReLU. He, Zhang, Ren and Sun 2015. */
    public static Initializer heUniform() {
        return varianceScaling(RELU_GAIN, Fan.IN, Distribution.UNIFORM);
    }

    /** N(0, 2 / fan-in). He, Zhang, Ren and Sun 2015. */
    public static Initializer heNormal() {
        return varianceScaling(RELU_GAIN, Fan.IN, Distribution.NORMAL);
    }

    /** U(−a, a) with a = √(3 / fan-in). LeCun, Bottou, Orr and Müller 1998. */
    public static Initializer lecunUniform() {
        return varianceScaling(1, Fan.IN, Distribution.UNIFORM);
    }

    /** N(0, 1 / fan-in). LeCun, Bottou, Orr and Müller 1998; what SELU wants. */
    public static Initializer lecunNormal() {
        return varianceScaling(1, Fan.IN, Distribution.NORMAL);
    }

    /**
     * What keeps the variance of signals through an activation, as PyTorch's {@code calculate_gain}: 1 for identity and
     * sigmoid, 5/3 for tanh, √2 for ReLU, √(2 / (1 + slope²)) for leaky ReLU, 3/4 for SELU.
     *
     * @throws IllegalArgumentException for another activation
     */
    public static double gain(Activation activation) {
        return switch (activation.kind()) {
            case IDENTITY, SIGMOID -> 1;
            case TANH -> 5.0 / 3;
            case RELU -> RELU_GAIN;
            case LEAKY_RELU -> Math.sqrt(2 / (1 + (double) activation.p() * activation.p()));
            case SELU -> 0.75;
            default -> throw new IllegalArgumentException("no gain is defined for " + activation + "; there are those "
                + "of identity, sigmoid, tanh, relu, leaky_relu and selu");
        };
    }

    /**
     * What a dense layer's weights start with unless told otherwise: {@link #heUniform} before ReLU and its kin, which
     * lose half the variance, {@link #lecunNormal} before SELU, whose fixed point wants it, else {@link #glorotUniform}.
     */
    public static Initializer suited(Activation activation) {
        return switch (activation.kind()) {
            case RELU, LEAKY_RELU, RELU6, ELU, GELU, GELU_TANH, SILU, MISH, HARDSWISH -> heUniform();
            case IDENTITY, TANH, SIGMOID, HARDSIGMOID, LOG_SIGMOID, SOFTPLUS -> glorotUniform();
            case SELU -> lecunNormal();
        };
    }

    /**
     * Orthonormal columns, or rows where those are fewer, times {@code gain}: the weights, all dimensions after the
     * first taken as one, are uniformly distributed over such matrices. Saxe, McClelland and Ganguli 2014.
     */
    public static Initializer orthogonal(double gain) {
        return (device, parameter, seed, stream) -> {
            int rows = matrix(parameter).dim(0);
            int columns = Math.toIntExact(parameter.elements() / rows);
            device.upload(Orthogonal.matrix(rows, columns, gain, new HostNormals(seed, stream)), parameter);
        };
    }

    public static Initializer uniform(float low, float high) {
        return (device, parameter, seed, stream) ->
            device.ops().random().fillUniform(parameter, seed, stream, low, high);
    }

    public static Initializer normal(float mean, float standardDeviation) {
        return (device, parameter, seed, stream) ->
            device.ops().random().fillNormal(parameter, seed, stream, mean, standardDeviation);
    }

    /**
     * A normal distribution without what lies outside [low, high]: such draws are repeated. The deviation is that before
     * the cut.
     *
     * @throws IllegalArgumentException if hardly any draw would lie inside
     */
    public static Initializer truncatedNormal(float mean, float standardDeviation, float low, float high) {
        if (!(standardDeviation > 0) || !(low < high) || low > mean + 3 * standardDeviation
            || high < mean - 3 * standardDeviation) {
            throw new IllegalArgumentException("a normal distribution of mean " + mean + " and deviation "
                + standardDeviation + " cut off to [" + low + ", " + high + "]; the interval must come within three "
                + "deviations of the mean");
        }
        return (device, parameter, seed, stream) -> {
            HostNormals normals = new HostNormals(seed, stream);
            float[] values = new float[Math.toIntExact(parameter.elements())];
            for (int i = 0; i < values.length; i++) {
                do {
                    values[i] = (float) (mean + standardDeviation * normals.next());
                } while (values[i] < low || values[i] > high);
            }
            device.upload(values, parameter);
        };
    }

    public static Initializer zeros() {
        return (device, parameter, seed, stream) -> device.ops().data().zero(parameter);
    }

    public static Initializer ones() {
        return constant(1);
    }

    public static Initializer constant(float value) {
        // Uniform in an interval of width zero is its lower end, exactly.
        return uniform(value, value);
    }

    private static double count(Tensor weights, Fan fan) {
        Shape shape = matrix(weights).shape();
        double in = (double) shape.elements() / shape.dim(0);
        double out = (double) shape.elements() / shape.dim(1);
        return switch (fan) {
            case IN -> in;
            case OUT -> out;
            case AVERAGE -> (in + out) / 2;
        };
    }

    private static Tensor matrix(Tensor weights) {
        if (weights.shape().rank() < 2) {
            throw new IllegalArgumentException("fan-in and fan-out are those of a weight matrix [outputs×inputs], not "
                + "of " + weights.shape() + "; use zeros() or constant(value) here");
        }
        return weights;
    }
}
