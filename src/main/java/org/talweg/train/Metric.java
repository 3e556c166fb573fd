package org.talweg.train;

import java.util.function.ToDoubleFunction;

/**
 * A figure of how well a model predicts, computed from all predictions of an evaluation at once, so that it is exact
 * whatever the batch size. {@link Metrics} has the usual ones.
 */
public interface Metric {

    /** As in logs, where validation puts {@code val_} before it: {@code mae}. */
    String name();

    /**
     * @throws IllegalArgumentException if it means nothing for such targets
     */
    double of(Predictions predictions);

    /** A metric of one's own. */
    static Metric of(String name, ToDoubleFunction<Predictions> formula) {
        return new Metric() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public double of(Predictions predictions) {
                return formula.applyAsDouble(predictions);
            }
        };
    }
}
