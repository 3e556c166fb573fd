package org.talweg.ops;

import java.util.List;
import java.util.Locale;

/**
 * An elementwise activation that dense kernels fuse into their epilogue. Formulas and corners follow PyTorch 2; each
 * derivative chooses rather than multiplies where it is 0 or 1, so that a gradient that is not finite stops at a dead
 * unit. NaN stays NaN.
 *
 * @param p the kind's first parameter, 0 if it has none
 * @param q its second, 0 if it has none
 */
public record Activation(Kind kind, float p, float q) {

    /** What the derivative is computed from. */
    public enum Saved {
        NOTHING, OUTPUT, INPUT
    }

    /** The formulas. z is the input, a = f(z) the output. */
    public enum Kind {
        /** f' = 1. */
        IDENTITY(Saved.NOTHING, "z"),
        /** f' = 1 where a > 0, else 0. */
        RELU(Saved.OUTPUT, "max(z, 0)"),
        /** f' = 1 − a². */
        TANH(Saved.OUTPUT, "tanh z"),
        /** f' = a (1 − a). */
        SIGMOID(Saved.OUTPUT, "1 / (1 + exp(-z))"),
        /** f' = Φ(z) + z φ(z) with the normal distribution and its density. Hendrycks and Gimpel 2016. */
        GELU(Saved.INPUT, "z times the normal distribution of z, exact by erf"),
        /** p is the slope; f' = 1 where a > 0, else p. Maas, Hannun and Ng 2013. */
        LEAKY_RELU(Saved.OUTPUT, "z above 0, else slope z; leaky_relu:0.01"),
        /** p is α times the scale q = 1; f' = q where a > 0, else a + p. Clevert, Unterthiner and Hochreiter 2016. */
        ELU(Saved.OUTPUT, "z above 0, else alpha (exp(z) - 1); elu:1"),
        /** {@link #ELU} with α = 1.67326 times the scale q = 1.05070. Klambauer et al. 2017. */
        SELU(Saved.OUTPUT, "1.0507 (z above 0, else 1.67326 (exp(z) - 1)), self-normalising"),
        /** z σ(2u), u = √(2/π) (z + 0.044715 z³), which is z (1 + tanh u) / 2. Hendrycks and Gimpel 2016. */
        GELU_TANH(Saved.INPUT, "gelu by its approximation with tanh"),
        /** f' = σ (1 + z (1 − σ)). Elfwing, Uchibe and Doya 2018; swish of Ramachandran et al. 2017. */
        SILU(Saved.INPUT, "z / (1 + exp(-z)), also called swish"),
        /** p is β, q the threshold; identity where β z > q. f' = σ(β z) or 1. Dugas et al. 2001. */
        SOFTPLUS(Saved.INPUT, "log(1 + exp(beta z)) / beta, z where beta z is above the threshold; softplus:1,20"),
        /** f' = t + z (1 − t²) σ(z), t = tanh(softplus z). Misra 2019. */
        MISH(Saved.INPUT, "z tanh(log(1 + exp(z)))"),
        /** f' = 0 up to −3, 1 from 3 on, z / 3 + 1/2 between. Howard et al. 2019. */
        HARDSWISH(Saved.INPUT, "z min(max(z + 3, 0), 6) / 6"),
        /** f' = 1/6 where {@code 0 < a < 1}, else 0. */
        HARDSIGMOID(Saved.OUTPUT, "min(max(z + 3, 0), 6) / 6"),
        /** f' = 1 where {@code 0 < a < 6}, else 0. */
        RELU6(Saved.OUTPUT, "min(max(z, 0), 6)"),
        /** f' = 1 − eᵃ. */
        LOG_SIGMOID(Saved.OUTPUT, "-log(1 + exp(-z))");

        private final Saved saved;
        private final String formula;

        Kind(Saved saved, String formula) {
            this.saved = saved;
            this.formula = formula;
        }

        /** In words for people, with the parameters' defaults. */
        public String formula() {
            return formula;
        }
    }

    private static final double SELU_ALPHA = 1.6732632423543772848170429916717;
    private static final double SELU_SCALE = 1.0507009873554804934193349852946;

    public static final Activation IDENTITY = new Activation(Kind.IDENTITY);
    public static final Activation RELU = new Activation(Kind.RELU);
    public static final Activation TANH = new Activation(Kind.TANH);
    public static final Activation SIGMOID = new Activation(Kind.SIGMOID);
    /** The exact form, PyTorch's default. */
    public static final Activation GELU = new Activation(Kind.GELU);
    /** Slope 0.01, PyTorch's default. */
    public static final Activation LEAKY_RELU = leakyRelu(0.01f);
    /** α = 1. */
    public static final Activation ELU = elu(1);
    public static final Activation SELU =
        new Activation(Kind.SELU, (float) (SELU_ALPHA * SELU_SCALE), (float) SELU_SCALE);
    public static final Activation GELU_TANH = new Activation(Kind.GELU_TANH);
    public static final Activation SILU = new Activation(Kind.SILU);
    /** β = 1, threshold 20. */
    public static final Activation SOFTPLUS = softplus(1, 20);
    public static final Activation MISH = new Activation(Kind.MISH);
    public static final Activation HARDSWISH = new Activation(Kind.HARDSWISH);
    public static final Activation HARDSIGMOID = new Activation(Kind.HARDSIGMOID);
    public static final Activation RELU6 = new Activation(Kind.RELU6);
    public static final Activation LOG_SIGMOID = new Activation(Kind.LOG_SIGMOID);

    private static final List<Activation> ALL = List.of(IDENTITY, RELU, TANH, SIGMOID, GELU, LEAKY_RELU, ELU, SELU,
        GELU_TANH, SILU, SOFTPLUS, MISH, HARDSWISH, HARDSIGMOID, RELU6, LOG_SIGMOID);

    /** @throws IllegalArgumentException if a parameter is out of its range */
    public Activation {
        switch (kind) {
            case LEAKY_RELU -> expect(p >= 0, "leaky_relu with slope " + p + "; it must not be negative");
            case ELU -> expect(p >= 0 && q == 1, "elu with alpha " + p + " and scale " + q
                + "; alpha must not be negative, the scale is 1");
            case SOFTPLUS -> expect(p > 0 && q == q, "softplus with beta " + p + " and threshold " + q
                + "; beta must be above 0");
            default -> { }
        }
    }

    private Activation(Kind kind) {
        this(kind, 0, 0);
    }

    private static void expect(boolean good, String message) {
        if (!good) {
            throw new IllegalArgumentException(message);
        }
    }

    /**
     * @param slope of the negative side; not negative, because the derivative is taken from the output's sign
     */
    public static Activation leakyRelu(float slope) {
        return new Activation(Kind.LEAKY_RELU, slope, 0);
    }

    /**
     * @param alpha −α is the limit far below zero; not negative, because the derivative is taken from the output's sign
     */
    public static Activation elu(float alpha) {
        return new Activation(Kind.ELU, alpha, 1);
    }

    /**
     * @param beta      steepness, above 0
     * @param threshold the identity where βz is above it
     */
    public static Activation softplus(float beta, float threshold) {
        return new Activation(Kind.SOFTPLUS, beta, threshold);
    }

    /** One of each kind, with default parameters. */
    public static List<Activation> all() {
        return ALL;
    }

    /** Of this name, or null. */
    private static Activation named(String name) {
        return ALL.stream().filter(a -> a.name().equals(name)).findFirst().orElse(null);
    }

    /**
     * From what {@link #toString} writes, in any case: {@code relu}, {@code leaky_relu}, {@code leaky_relu:0.2},
     * {@code softplus:2,20}. Parameters left out have their defaults.
     *
     * @throws IllegalArgumentException listing every activation there is, one a line, or naming the wrong parameter
     */
    public static Activation parse(String text) {
        String[] parts = text.strip().toLowerCase(Locale.ROOT).split(":", 2);
        Activation known = named(parts[0]);
        if (known == null) {
            StringBuilder message = new StringBuilder("unknown activation '" + text + "'; there are");
            ALL.forEach(a -> message.append("\n  ").append(a.name()).append(": ").append(a.kind.formula));
            throw new IllegalArgumentException(message.toString());
        }
        if (parts.length == 1) {
            return known;
        }
        float[] numbers = numbers(text, parts[1]);
        int expected = known.parameters().length;
        if (numbers.length > expected) {
            throw new IllegalArgumentException("activation '" + text + "' has " + numbers.length + " parameters; "
                + known.name() + " takes " + expected + ": " + known.kind.formula);
        }
        return switch (known.kind) {
            case LEAKY_RELU -> leakyRelu(numbers[0]);
            case ELU -> elu(numbers[0]);
            case SOFTPLUS -> softplus(numbers[0], numbers.length > 1 ? numbers[1] : known.q);
            default -> throw new AssertionError(known + " has no parameters");
        };
    }

    private static float[] numbers(String text, String list) {
        String[] parts = list.split(",", -1);
        float[] numbers = new float[parts.length];
        for (int i = 0; i < parts.length; i++) {
            try {
                numbers[i] = Float.parseFloat(parts[i].strip());
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException("activation '" + text + "': '" + parts[i] + "' is no number; write "
                    + "it as leaky_relu:0.2 or softplus:1,20", e);
            }
        }
        return numbers;
    }

    private float[] parameters() {
        return switch (kind) {
            case LEAKY_RELU, ELU -> new float[] {p};
            case SOFTPLUS -> new float[] {p, q};
            default -> new float[0];
        };
    }

    /** As on the command line, without parameters: {@code leaky_relu}. */
    public String name() {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    /** Whether the backward pass needs the output a = f(z), the input z, or neither. */
    public Saved saved() {
        return kind.saved;
    }

    /** As {@link #parse} reads it: {@code relu}, {@code leaky_relu:0.01}. */
    @Override
    public String toString() {
        float[] parameters = parameters();
        if (parameters.length == 0) {
            return name();
        }
        StringBuilder text = new StringBuilder(name()).append(':');
        for (int i = 0; i < parameters.length; i++) {
            text.append(i == 0 ? "" : ",").append(parameters[i]);
        }
        return text.toString();
    }
}
