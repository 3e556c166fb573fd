package org.talweg.cli;

import java.util.Locale;
import java.util.function.Function;
import java.util.function.Supplier;
import org.talweg.cli.Choices.Choice;
import org.talweg.train.Average;
import org.talweg.train.Metric;
import org.talweg.train.Metrics;

/** {@code --metrics}, with commas between them. */
final class MetricChoices {
    static final Choices<Metric> ALL = Choices.of("--metrics", "metric",
        new Choice<>("accuracy", "share of rows predicted right", s -> Metrics.accuracy()),
        new Choice<>("top_k:k=5", "share of rows whose class is among the k largest outputs",
            s -> Metrics.topK(s.integer("k"))),
        new Choice<>("precision:average=auto", "of what was said to be a class, the share that is; auto, binary, macro, micro",
            s -> averaged(s, Metrics::precision, Metrics::precision)),
        new Choice<>("recall:average=auto", "of what is a class, the share that was found; auto, binary, macro, micro",
            s -> averaged(s, Metrics::recall, Metrics::recall)),
        new Choice<>("f1:average=auto", "harmonic mean of precision and recall; auto, binary, macro, micro",
            s -> averaged(s, Metrics::f1, Metrics::f1)),
        new Choice<>("auc", "area under the ROC curve", s -> Metrics.rocAuc()),
        new Choice<>("mae", "mean absolute error", s -> Metrics.mae()),
        new Choice<>("rmse", "root of the mean squared error", s -> Metrics.rmse()),
        new Choice<>("r2", "share of the variance that is explained", s -> Metrics.rSquared()));

    private MetricChoices() {
    }

    private static Metric averaged(Settings s, Supplier<Metric> usual, Function<Average, Metric> by) {
        String average = s.text("average").toUpperCase(Locale.ROOT);
        return switch (average) {
            case "AUTO" -> usual.get();
            case "BINARY", "MACRO", "MICRO" -> by.apply(Average.valueOf(average));
            default -> throw s.bad("average", "auto, binary, macro or micro");
        };
    }
}
