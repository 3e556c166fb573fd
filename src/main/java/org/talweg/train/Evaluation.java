package org.talweg.train;

import org.talweg.data.DataLoader;
import org.talweg.nn.Model;
import org.talweg.tape.Loss;

/**
 * How well a model predicts.
 *
 * @param loss     mean over all rows
 * @param accuracy share of rows predicted right; NaN where the loss has none
 */
public record Evaluation(double loss, double accuracy, int rows) {

    /** Runs the model forward over all rows. */
    public static Evaluation of(Model model, Loss loss, DataLoader loader) {
        try (Evaluator evaluator = new Evaluator(model, loss, loader)) {
            return evaluator.run();
        }
    }
}
