package org.talweg.cli;

import org.talweg.cli.Choices.Choice;
import org.talweg.data.Dataset;
import org.talweg.nn.Losses;
import org.talweg.tape.Loss;
import org.talweg.tensor.DType;

/** {@code --loss}. */
final class LossChoices {
    static final Choices<Loss> ALL = Choices.of("--loss", "loss",
        new Choice<>("softmax_cross_entropy", "one of several classes, one output each",
            s -> Losses.softmaxCrossEntropy()),
        new Choice<>("binary_cross_entropy", "yes or no, one output", s -> Losses.binaryCrossEntropyWithLogits()),
        new Choice<>("squared_error", "numbers", s -> Losses.squaredError()));

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
}
