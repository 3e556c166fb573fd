package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;

/** Mean and deviation over folds, each scaled by its own training rows. */
class CrossValidationTest {
    private static Evaluation evaluation(double loss, double f1) {
        return new Evaluation(loss, Double.NaN, 10, Map.of("f1", f1));
    }

    @Test
    void meanAndDeviation() {
        CrossValidation result = new CrossValidation(List.of(evaluation(1, 0.5), evaluation(2, 0.5), evaluation(6, 0.8)));
        assertEquals(List.of("loss", "f1"), result.names(), "and no accuracy, because there is none");
        assertEquals(3, result.mean("loss"), 1e-15);
        assertEquals(Math.sqrt(7), result.deviation("loss"), 1e-15, "(4 + 1 + 9) / 2");
        assertEquals(0.6, result.mean("f1"), 1e-15);
        assertThrows(IllegalArgumentException.class, () -> result.mean("auc"));
        assertThrows(IllegalArgumentException.class, () -> new CrossValidation(List.of(evaluation(1, 1))));
    }

    @Test
    void eachFoldIsScaledByItsOwnRows() {
        Dataset iris = Datasets.builtIn("iris").shuffle(2);
        try (Device device = Devices.open("cpu")) {
            CrossValidation result = CrossValidation.of(iris, 5, Scaler.standard(), split -> {
                double mean = 0;
                for (int row = 0; row < split.train().rows(); row++) {
                    mean += split.train().features()[4 * row] / (double) split.train().rows();
                }
                assertEquals(0, mean, 1e-6, "of the training rows alone");
                try (Model model = Sequential.builder(iris.inputShape()).dense(3).build(device)) {
                    Trainer trainer = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                        .optimizer(Optimizers.adam().learningRate(0.05f)).build();
                    trainer.fit(DataLoader.of(split.train(), 16).shuffled(1), 20);
                    return trainer.evaluate(DataLoader.of(split.validation(), 100));
                }
            });
            assertEquals(5, result.folds().size());
            assertTrue(result.mean("accuracy") > 0.9, result.toString());
        }
    }
}
