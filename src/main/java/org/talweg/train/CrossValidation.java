package org.talweg.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.talweg.data.Dataset;
import org.talweg.data.Scaler;
import org.talweg.data.Split;

/**
 * How well a way of training predicts, measured on every row by models that never saw it.
 * <pre>{@code
 * CrossValidation result = CrossValidation.of(data.shuffle(42), 5, Scaler.standard(), split -> {
 *     try (Model model = Sequential.builder(data.inputShape()).dense(10).build(device)) {
 *         Trainer trainer = Trainer.builder(model).loss(loss).optimizer(Optimizers.adam()).build();
 *         trainer.fit(DataLoader.of(split.train(), 32).shuffled(42), 20);
 *         return trainer.evaluate(DataLoader.of(split.validation(), 1024));
 *     }
 * });
 * System.out.println(result.mean("accuracy") + " ± " + result.deviation("accuracy"));
 * }</pre>
 *
 * @param folds one evaluation for each
 */
public record CrossValidation(List<Evaluation> folds) {
    /**
     * @throws IllegalArgumentException if there are fewer than 2
     */
    public CrossValidation {
        folds = List.copyOf(folds);
        if (folds.size() < 2) {
            throw new IllegalArgumentException(folds.size() + " folds; cross-validation needs at least 2");
        }
    }

    /**
     * Trains once for each fold, with features scaled as its own training rows want it.
     *
     * @param train makes a new model, trains it on a split's training rows and evaluates it on the validation rows
     * @throws IllegalArgumentException if there are fewer than 2 folds, or more than rows
     */
    public static CrossValidation of(Dataset data, int folds, Scaler.Method scaling, Function<Split, Evaluation> train) {
        return new CrossValidation(data.folds(folds).stream().map(split ->
            train.apply(scaling.fit(split.train()).apply(split))).toList());
    }

    /** Names for {@link #mean} and {@link #deviation}: loss, accuracy where there is one, and the metrics. */
    public List<String> names() {
        return List.copyOf(values(folds.get(0)).keySet());
    }

    /** Over the folds. */
    public double mean(String name) {
        return values(name).stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }

    /** The standard deviation of a single fold, estimated from these: divided by one less than their number. */
    public double deviation(String name) {
        double mean = mean(name);
        double squares = values(name).stream().mapToDouble(value -> (value - mean) * (value - mean)).sum();
        return Math.sqrt(squares / (folds.size() - 1));
    }

    private List<Double> values(String name) {
        List<Double> values = new ArrayList<>();
        for (Evaluation fold : folds) {
            Double value = values(fold).get(name);
            if (value == null) {
                throw new IllegalArgumentException("no metric '" + name + "'; there are " + names());
            }
            values.add(value);
        }
        return values;
    }

    private static Map<String, Double> values(Evaluation evaluation) {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("loss", evaluation.loss());
        if (!Double.isNaN(evaluation.accuracy())) {
            values.put("accuracy", evaluation.accuracy());
        }
        values.putAll(evaluation.metrics());
        return values;
    }
}
