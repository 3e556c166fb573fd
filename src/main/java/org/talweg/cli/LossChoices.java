package org.talweg.cli;

import java.util.List;
import java.util.Locale;
import org.talweg.cli.Choices.Choice;
import org.talweg.data.Dataset;
import org.talweg.nn.ClassLoss;
import org.talweg.nn.ElementLoss;
import org.talweg.nn.Losses;
import org.talweg.nn.Reduction;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;

/** {@code --loss}. */
final class LossChoices {
    private static final String CLASSES = ":label_smoothing=0,class_weights=none,ignore_index=none";

    /** Every loss takes a reduction: mean, batch_mean or sum. */
    static final Choices<Loss> ALL = new Choices<>("--loss", "loss", List.of("reduction"), List.of(
        new Choice<>("softmax_cross_entropy" + CLASSES, "one of several classes, one output each; weights as 1/2/0.5",
            s -> classes(s, Losses.softmaxCrossEntropy())),
        new Choice<>("nll" + CLASSES, "the same on log-probabilities, made by a layer of log-softmax",
            s -> classes(s, Losses.nll())),
        new Choice<>("binary_cross_entropy:positive_weight=1", "yes or no, one output",
            s -> reduced(s, s.number("positive_weight") == 1 ? Losses.binaryCrossEntropyWithLogits()
                : Losses.binaryCrossEntropyWithLogits(s.single("positive_weight")))),
        new Choice<>("binary_cross_entropy_probabilities", "the same on probabilities, made by a sigmoid",
            s -> reduced(s, Losses.binaryCrossEntropyOnProbabilities())),
        new Choice<>("focal:alpha=0.25,gamma=2", "a rare yes among many no; what is predicted well counts little",
            s -> reduced(s, Losses.focal(s.single("alpha"), s.single("gamma")))),
        new Choice<>("hinge", "yes or no with a margin of 1, as support vector machines have it",
            s -> reduced(s, Losses.hinge())),
        new Choice<>("squared_hinge", "hinge, squared", s -> reduced(s, Losses.squaredHinge())),
        new Choice<>("hinge_embedding:margin=1", "like (1) or unlike (-1 or 0) by a distance; unlike is kept margin away",
            s -> reduced(s, Losses.hingeEmbedding(s.single("margin")))),
        new Choice<>("squared_error", "numbers: the squared difference", s -> reduced(s, Losses.squaredError())),
        new Choice<>("absolute_error", "numbers with outliers: the absolute difference",
            s -> reduced(s, Losses.absoluteError())),
        new Choice<>("huber:delta=1", "numbers with outliers: squared within delta, linear beyond",
            s -> reduced(s, Losses.huber(s.single("delta")))),
        new Choice<>("smooth_l1:beta=1", "huber divided by its threshold, so that slopes far out are 1",
            s -> reduced(s, Losses.smoothL1(s.single("beta")))),
        new Choice<>("log_cosh", "numbers with outliers: smoothly between squared and absolute",
            s -> reduced(s, Losses.logCosh())),
        new Choice<>("poisson:log_input=yes,full=no", "counts; outputs are the logarithm of the rate, or the rate",
            s -> reduced(s, Losses.poisson(s.flag("log_input"), s.flag("full")))),
        new Choice<>("kl_divergence:log_target=no",
            "probabilities, one target column each, from log-softmax; a mean over rows alone unless told otherwise",
            s -> reduced(s, Losses.klDivergence(s.flag("log_target"))))));

    private LossChoices() {
    }

    /** @param text or {@code auto}, for what suits the targets */
    static Loss parse(String text, Dataset data) {
        return ALL.parse(!text.equals("auto") ? text : data.isClassification() ? "softmax_cross_entropy"
            : "squared_error");
    }

    /** Whether it takes one output for two classes, where others take one each. */
    static boolean isYesOrNo(Loss loss) {
        return loss.targetType() != DType.INT32;
    }

    /** Adds the last layer, which gives what the loss takes: logits, probabilities or their logarithm. */
    static Sequential.Builder output(Sequential.Builder builder, int units, String text, Dataset data) {
        Loss loss = parse(text, data);
        return switch (loss.name()) {
            case "nll", "kl_divergence" -> builder.dense(units).logSoftmax();
            case "binary_cross_entropy_probabilities" -> builder.dense(units, Activation.SIGMOID);
            case "poisson" -> ALL.settings(text).flag("log_input") ? builder.dense(units)
                : builder.dense(units, Activation.SOFTPLUS);
            default -> builder.dense(units);
        };
    }

    private static Loss reduced(Settings s, ElementLoss loss) {
        return s.has("reduction") ? loss.reduction(reduction(s)) : loss;
    }

    private static Loss classes(Settings s, ClassLoss plain) {
        ClassLoss loss = plain.labelSmoothing(s.single("label_smoothing"));
        if (!s.text("class_weights").equals("none")) {
            loss = loss.classWeights(s.singles("class_weights"));
        }
        if (!s.text("ignore_index").equals("none")) {
            loss = loss.ignoreIndex(s.integer("ignore_index"));
        }
        return s.has("reduction") ? loss.reduction(reduction(s)) : loss;
    }

    private static Reduction reduction(Settings s) {
        try {
            return Reduction.valueOf(s.text("reduction").toUpperCase(Locale.ROOT));
        } catch (IllegalArgumentException e) {
            throw s.bad("reduction", "mean, batch_mean or sum");
        }
    }
}
