package org.talweg.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.talweg.analysis.GradientHealth;
import org.talweg.analysis.GradientHealth.Layer;
import org.talweg.analysis.GradientLog.Look;
import org.talweg.data.Dataset;
import org.talweg.tensor.Shape;
import org.talweg.train.EpochMetrics;
import org.talweg.train.Evaluator.Judged;
import org.talweg.train.Predictions;

/** Reports of runs that never were, for the tests of the page. */
final class Reports {
    static final int ROWS = 300;

    private Reports() {
    }

    static List<EpochMetrics> history(int epochs) {
        return IntStream.rangeClosed(1, epochs).mapToObj(i -> new EpochMetrics(i, 2.0 / i, 1 - 0.5 / i, 1.0 / i + 0.01 * i,
            1 - 0.6 / i, 3.0 / i, 0.001 * (epochs - i + 1), 10, 0, 1000, Map.of("val_f1", 1 - 0.7 / i))).toList();
    }

    /** Of images of 8×8 pixels. */
    static Judged images(List<String> classNames) {
        return classes(classNames, names("pixel_", 64), Shape.of(8, 8));
    }

    static Judged classes(List<String> classNames, List<String> features) {
        return classes(classNames, features, Shape.of(features.size()));
    }

    private static Judged classes(List<String> classNames, List<String> features, Shape shape) {
        Random random = new Random(1);
        int classes = classNames.size();
        int[] labels = new int[ROWS];
        float[] values = new float[ROWS * features.size()];
        float[] outputs = new float[ROWS * classes];
        float[] losses = new float[ROWS];
        for (int row = 0; row < ROWS; row++) {
            labels[row] = row % classes;
            int said = random.nextInt(5) == 0 ? random.nextInt(classes) : labels[row];
            outputs[row * classes + said] = 5;
            losses[row] = said == labels[row] ? random.nextFloat() : 5 + random.nextFloat();
        }
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextFloat();
        }
        return new Judged(new Predictions(Dataset.classification("things", features, values, "kind", labels, classNames)
            .withRowShape(shape),
            outputs, classes, 0, false), losses);
    }

    static Judged numbers(int targets) {
        Random random = new Random(1);
        float[] values = random(random, ROWS * 3);
        float[] truth = random(random, ROWS * targets);
        float[] outputs = random(random, ROWS * targets);
        return new Judged(new Predictions(Dataset.regression("things", List.of("a", "b", "c"), values,
            IntStream.range(0, targets).mapToObj(i -> "target " + i).toList(), truth), outputs, targets, 0, false),
            random(random, ROWS));
    }

    private static float[] random(Random random, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextFloat();
        }
        return values;
    }

    static List<String> names(String prefix, int count) {
        return IntStream.range(0, count).mapToObj(i -> prefix + i).toList();
    }

    static GradientHealth health(int layers, double decay) {
        List<Layer> list = new ArrayList<>();
        for (int i = 1; i <= layers; i++) {
            list.add(new Layer("dense_" + i, 3, Math.pow(decay, layers - i), Math.pow(decay, layers - i), 0.001 * i, 8, i, 0));
        }
        return new GradientHealth(list, 0.5, 1, Math.pow(decay, layers - 1), List.of());
    }

    static Report report(List<EpochMetrics> history, int keptEpoch, Judged test) {
        Map<String, Map<String, String>> settings = new LinkedHashMap<>();
        settings.put("Run", Map.of("data", "things"));
        return new Report("a run", "things: 700 rows", history, new Outcome("all epochs done", history.size(), keptEpoch,
            keptEpoch > 0 ? "val_loss" : null, 12.5, 1234, "cpu", Map.of("loss", 0.25)),
            List.of(new Look(0, health(3, 0.9)), new Look(history.size(), health(3, 0.8))), health(3, 0.8), test,
            test == null ? null : test.predictions().data(), Map.of(), settings);
    }
}
