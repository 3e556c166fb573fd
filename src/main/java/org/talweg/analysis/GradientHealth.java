package org.talweg.analysis;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.tape.Loss;

/**
 * How gradients flow through a model on one batch, layer by layer, with a verdict in words.
 *
 * <p>The signal of a layer is the norm of the loss's gradient with respect to its pre-activations. Under an
 * initialisation that suits the activation it is about the same in every layer; where each layer multiplies it by less
 * or more than 1, depth turns that into vanishing or exploding (Glorot and Bengio 2010). Comparing layers with the last
 * one, instead of with a fixed size, keeps a converged model from looking like a vanishing one.
 *
 * @param layers       from the input to the output, those with parameters
 * @param loss         mean over the batch
 * @param gradientNorm over all parameters
 * @param attenuation  signal of the first layer over that of the last
 * @param findings     what is wrong; empty if nothing is
 */
public record GradientHealth(List<Layer> layers, double loss, double gradientNorm, double attenuation,
                             List<Finding> findings) {
    /** Signals that shrink to less than this, or grow to more than its inverse, are found. */
    public static final double ATTENUATION_LIMIT = 1e-3;
    /** Share of units without any output on the whole batch from which they are found. */
    public static final double DEAD_LIMIT = 0.4;
    /** Share of values on the flat ends of a sigmoid or tanh from which they are found. */
    public static final double SATURATION_LIMIT = 0.5;
    /** Change of weights in one step, relative to them, from which it is found; about 0.001 is usual. */
    public static final double UPDATE_LIMIT = 0.1;

    /** What can be wrong. */
    public enum Condition {
        VANISHING, EXPLODING, DEAD_UNITS, SATURATED, LARGE_UPDATES, NO_GRADIENT
    }

    /**
     * @param words  what was found, where, and how much
     * @param advice what to try
     */
    public record Finding(Condition condition, String words, String advice) {
    }

    /**
     * One layer.
     *
     * @param name           {@code dense_1}
     * @param weightNorm     of its weight matrices, without biases; 0 if it has none
     * @param gradientNorm   of all its parameters' gradients
     * @param signal         norm of the gradient with respect to its pre-activations, rows of the batch together
     * @param updateRatio    change of the weights in a step over the weights; NaN if unknown
     * @param units          values a row; 0 without an activation
     * @param deadUnits      ReLU units that are 0 on every row
     * @param saturation     share of values where the derivative of a sigmoid or tanh is below 4 % of its largest
     */
    public record Layer(String name, double weightNorm, double gradientNorm, double signal, double updateRatio,
                        int units, int deadUnits, double saturation) {
    }

    public GradientHealth {
        layers = List.copyOf(layers);
        findings = List.copyOf(findings);
    }

    /** Looks at a model on a batch, of which the first {@value GradientProbe#ROWS} rows are taken. */
    public static GradientHealth of(Model model, Loss loss, Dataset batch) {
        return of(model, loss, batch, Double.NaN);
    }

    /** @param learningRate of plain gradient descent, for the update ratio */
    public static GradientHealth of(Model model, Loss loss, Dataset batch, double learningRate) {
        try (GradientProbe probe = new GradientProbe(model, loss, batch)) {
            return probe.look((parameter, gradientNorm) -> learningRate * gradientNorm);
        }
    }

    /** @param outputLayer a saturated last layer is what training aims at, so it is left out of the findings */
    static GradientHealth judge(List<Layer> layers, double loss, double gradientNorm, boolean outputLayer) {
        List<Finding> findings = new ArrayList<>();
        double first = layers.get(0).signal;
        double last = layers.get(layers.size() - 1).signal;
        double attenuation = last == 0 && first == 0 ? 1 : first / last;
        signal(layers, loss, attenuation, findings);
        for (int i = 0; i < layers.size(); i++) {
            units(layers.get(i), outputLayer && i == layers.size() - 1, findings);
        }
        return new GradientHealth(layers, loss, gradientNorm, attenuation, findings);
    }

    private static void signal(List<Layer> layers, double loss, double attenuation, List<Finding> findings) {
        Layer first = layers.get(0);
        Layer last = layers.get(layers.size() - 1);
        String each = layers.size() < 2 ? "" : String.format(Locale.ROOT, ", %.2g times a layer",
            Math.pow(attenuation, 1.0 / (layers.size() - 1)));
        if (!Double.isFinite(loss) || !layers.stream().allMatch(
            layer -> Double.isFinite(layer.gradientNorm) && Double.isFinite(layer.signal))) {
            String where = layers.stream().filter(layer -> !Double.isFinite(layer.gradientNorm + layer.signal))
                .map(Layer::name).findFirst().orElse("the loss");
            findings.add(new Finding(Condition.EXPLODING, "values are not finite any more, first in " + where,
                "a lower learning rate, clipping by global norm, scaled features and targets, smaller initial weights"));
        } else if (last.signal == 0) {
            findings.add(new Finding(Condition.NO_GRADIENT, "the loss sends no gradient back",
                "every row may be fitted, or the loss is flat here: look at the curvature"));
        } else if (attenuation < ATTENUATION_LIMIT) {
            findings.add(new Finding(Condition.VANISHING, String.format(Locale.ROOT, "gradients vanish: %s gets %.2g of "
                + "the signal that enters %s%s", first.name, attenuation, last.name, each),
                "ReLU or GELU instead of sigmoid or tanh, He or Glorot initial weights, residual connections, layer or "
                    + "batch normalisation, fewer layers"));
        } else if (attenuation > 1 / ATTENUATION_LIMIT) {
            findings.add(new Finding(Condition.EXPLODING, String.format(Locale.ROOT, "gradients explode: %s gets %.2g "
                + "times the signal that enters %s%s", first.name, attenuation, last.name, each),
                "smaller initial weights (He, Glorot or orthogonal), clipping by global norm, layer or batch "
                    + "normalisation, a lower learning rate"));
        }
    }

    private static void units(Layer layer, boolean output, List<Finding> findings) {
        if (layer.deadUnits > DEAD_LIMIT * layer.units) {
            findings.add(new Finding(Condition.DEAD_UNITS, layer.deadUnits + " of " + layer.units + " units of "
                + layer.name + " are dead: 0 on every row", "a lower learning rate, leaky ReLU, GELU or ELU, He initial "
                + "weights, biases that start at 0 or a little above"));
        }
        if (layer.saturation > SATURATION_LIMIT && !output) {
            findings.add(new Finding(Condition.SATURATED, String.format(Locale.ROOT, "%.0f %% of the outputs of %s are "
                + "saturated: the activation is flat there", 100 * layer.saturation, layer.name),
                "smaller initial weights (Glorot), scaled features, layer or batch normalisation, ReLU or GELU"));
        }
        if (layer.updateRatio > UPDATE_LIMIT) {
            findings.add(new Finding(Condition.LARGE_UPDATES, String.format(Locale.ROOT, "a step changes the weights of "
                + "%s by %.2g of their size; about 0.001 is usual", layer.name, layer.updateRatio),
                "a lower learning rate, warm-up, clipping by global norm"));
        }
    }

    public boolean has(Condition condition) {
        return findings.stream().anyMatch(finding -> finding.condition == condition);
    }

    public boolean isHealthy() {
        return findings.isEmpty();
    }

    /** One sentence per finding, with what to try; or that all is well. */
    public String verdict() {
        return isHealthy() ? String.format(Locale.ROOT, "healthy: the first layer gets %.2g times the signal of the "
            + "last", attenuation)
            : findings.stream().map(finding -> finding.words + "; try " + finding.advice).collect(Collectors.joining("\n"));
    }

    /** A table of the layers, then the verdict. */
    @Override
    public String toString() {
        int width = layers.stream().mapToInt(layer -> layer.name.length()).max().orElse(0) + 2;
        StringBuilder table = new StringBuilder(String.format(Locale.ROOT, "%-" + width + "s %10s %10s %10s %10s %12s %10s%n",
            "layer", "weights", "gradient", "signal", "update", "dead units", "saturated"));
        for (Layer layer : layers) {
            table.append(String.format(Locale.ROOT, "%-" + width + "s %10s %10.3g %10.3g %10s %12s %10s%n", layer.name,
                layer.weightNorm == 0 ? "" : String.format(Locale.ROOT, "%.3g", layer.weightNorm), layer.gradientNorm,
                layer.signal, Double.isNaN(layer.updateRatio) ? "" : String.format(Locale.ROOT, "%.2g", layer.updateRatio),
                layer.units == 0 ? "" : layer.deadUnits + "/" + layer.units,
                layer.units == 0 ? "" : String.format(Locale.ROOT, "%.0f %%", 100 * layer.saturation)));
        }
        return table + verdict();
    }
}
