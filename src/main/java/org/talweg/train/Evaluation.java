package org.talweg.train;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.data.DataLoader;
import org.talweg.nn.Model;
import org.talweg.tape.Loss;

/**
 * How well a model predicts.
 *
 * @param loss     mean over all rows
 * @param accuracy share of rows predicted right; NaN where the loss has none
 * @param metrics  the others that were asked for, by name
 */
public record Evaluation(double loss, double accuracy, int rows, Map<String, Double> metrics) {

    public Evaluation {
        metrics = Collections.unmodifiableMap(new LinkedHashMap<>(metrics));
    }

    /** Runs the model forward over all rows. */
    public static Evaluation of(Model model, Loss loss, DataLoader loader, Metric... metrics) {
        try (Evaluator evaluator = new Evaluator(model, loss, List.of(metrics), loader)) {
            return evaluator.run();
        }
    }
}
