package org.talweg.cli;

import java.util.Optional;
import org.talweg.cli.Choices.Choice;
import org.talweg.nn.BatchNorm;
import org.talweg.nn.Dense;
import org.talweg.nn.Dropout;
import org.talweg.nn.Initializers;
import org.talweg.nn.Initializers.Distribution;
import org.talweg.nn.Initializers.Fan;
import org.talweg.nn.Layer;
import org.talweg.nn.LayerNorm;
import org.talweg.nn.RmsNorm;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.tape.Initializer;

/** What hidden layers are made of: {@code --norm}, {@code --init}, {@code --dropout} and {@code --residual}. */
final class LayerChoices {
    static final Choices<Optional<Layer>> NORM = Choices.of("--norm", "normalisation",
        new Choice<>("none", "values as they are", s -> Optional.empty()),
        new Choice<>("batch:epsilon=1e-5,momentum=0.1", "each column of a batch to mean 0 and variance 1",
            s -> Optional.of(new BatchNorm(s.single("epsilon"), s.single("momentum"), true, false))),
        new Choice<>("layer:epsilon=1e-5", "each row to mean 0 and variance 1",
            s -> Optional.of(new LayerNorm(s.single("epsilon"), true))),
        new Choice<>("rms:epsilon=1e-6", "each row to a mean square of 1",
            s -> Optional.of(new RmsNorm(s.single("epsilon"), true))));

    static final Choices<Optional<Initializer>> INIT = Choices.of("--init", "initialiser",
        new Choice<>("auto", "he_uniform before ReLU and its kin, lecun_normal before SELU, else glorot_uniform",
            s -> Optional.empty()),
        new Choice<>("glorot_uniform:gain=1", "U(-a, a), a = gain sqrt(6 / (fan-in + fan-out))",
            s -> scaled(s, 1, Fan.AVERAGE, Distribution.UNIFORM)),
        new Choice<>("glorot_normal:gain=1", "deviation gain sqrt(2 / (fan-in + fan-out))",
            s -> scaled(s, 1, Fan.AVERAGE, Distribution.NORMAL)),
        new Choice<>("he_uniform:gain=1", "U(-a, a), a = gain sqrt(6 / fan-in)",
            s -> scaled(s, Math.sqrt(2), Fan.IN, Distribution.UNIFORM)),
        new Choice<>("he_normal:gain=1", "deviation gain sqrt(2 / fan-in)",
            s -> scaled(s, Math.sqrt(2), Fan.IN, Distribution.NORMAL)),
        new Choice<>("lecun_uniform:gain=1", "U(-a, a), a = gain sqrt(3 / fan-in)",
            s -> scaled(s, 1, Fan.IN, Distribution.UNIFORM)),
        new Choice<>("lecun_normal:gain=1", "deviation gain sqrt(1 / fan-in)",
            s -> scaled(s, 1, Fan.IN, Distribution.NORMAL)),
        new Choice<>("orthogonal:gain=1", "orthonormal rows or columns, times gain",
            s -> Optional.of(Initializers.orthogonal(s.number("gain")))),
        new Choice<>("uniform:low=-0.05,high=0.05", "U(low, high)",
            s -> Optional.of(Initializers.uniform(s.single("low"), s.single("high")))),
        new Choice<>("normal:mean=0,deviation=0.05", "N(mean, deviation^2)",
            s -> Optional.of(Initializers.normal(s.single("mean"), s.single("deviation")))),
        new Choice<>("truncated_normal:mean=0,deviation=0.05,low=-0.1,high=0.1", "the same within low and high",
            s -> Optional.of(Initializers.truncatedNormal(s.single("mean"), s.single("deviation"), s.single("low"),
                s.single("high")))),
        new Choice<>("constant:value=0", "all alike: the units of a layer stay so",
            s -> Optional.of(Initializers.constant(s.single("value")))));

    private LayerChoices() {
    }

    private static Optional<Initializer> scaled(Settings settings, double gain, Fan fan, Distribution distribution) {
        return Optional.of(Initializers.varianceScaling(gain * settings.number("gain"), fan, distribution));
    }

    /** Dense, normalisation, activation, dropout. */
    static void addHidden(Sequential.Builder builder, int units, Activation activation, String norm, String init,
                          float dropout) {
        Initializer weights = INIT.parse(init).orElse(Initializers.suited(activation));
        Optional<Layer> normalisation = NORM.parse(norm);
        if (normalisation.isPresent()) {
            // What batch normalisation subtracts, a bias need not add.
            boolean bias = !(normalisation.get() instanceof BatchNorm);
            builder.layer(new Dense(units, Activation.IDENTITY, bias, weights, Initializers.zeros()))
                .layer(normalisation.get());
            if (!activation.equals(Activation.IDENTITY)) {
                builder.activation(activation);
            }
        } else {
            builder.layer(new Dense(units, activation, true, weights, Initializers.zeros()));
        }
        Dropout drops = new Dropout(dropout);
        if (dropout > 0) {
            builder.layer(drops);
        }
    }
}
