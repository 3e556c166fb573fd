package org.talweg.train;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.talweg.data.DataLoader;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;

/**
 * What scaling does to convergence: steps of batch gradient descent until logistic regression on {@code breast_cancer}
 * has a training loss of 0.2, each with the best of many learning rates. docs/methods.md shows the outcome.
 */
class FeatureScalingTest {
    private static final int MOST_STEPS = 3000;
    private static final double LOSS = 0.2;

    @Test
    void scalingMakesBatchDescentFast() {
        Split raw = Datasets.builtIn("breast_cancer").shuffle(1).split(0.7);
        Map<String, Integer> steps = new TreeMap<>();
        try (Device device = Devices.open("cpu")) {
            steps.put("none", best(device, raw));
            for (Scaler.Method method : new Scaler.Method[] {Scaler.standard(), Scaler.minMax(), Scaler.robust(),
                Scaler.l2(), Scaler.maxAbs()}) {
                Scaler scaler = method.fit(raw.train());
                steps.put(scaler.name(), best(device, scaler.apply(raw)));
            }
        }
        assertTrue(steps.get("none") == MOST_STEPS, steps.toString());
        assertTrue(steps.get("l2") < MOST_STEPS / 10, steps.toString());
        for (String method : new String[] {"standard", "minmax", "robust", "maxabs"}) {
            assertTrue(steps.get(method) < MOST_STEPS / 50, steps.toString());
        }
    }

    /** Steps with the best rate, {@link #MOST_STEPS} if none gets there. */
    private static int best(Device device, Split split) {
        int best = MOST_STEPS;
        for (float rate = 1e-7f; rate < 3e4f; rate *= 4) {
            try (Model model = Sequential.builder(split.train().inputShape()).seed(1).dense(1).build(device)) {
                TrainingResult result = Trainer.builder(model).loss(Losses.binaryCrossEntropyWithLogits())
                    .optimizer(Optimizers.sgd().learningRate(rate)).stopWhen(Stop.target("loss", LOSS)).build()
                    .fit(DataLoader.of(split.train(), split.train().rows()), best);
                if (result.last().loss() <= LOSS) {
                    best = Math.min(best, result.history().size());
                }
            }
        }
        return best;
    }
}
