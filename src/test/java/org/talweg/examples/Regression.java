package org.talweg.examples;

import static org.talweg.ops.Activation.SILU;

import org.talweg.data.DataLoader;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.optim.Optimizers;
import org.talweg.optim.Schedules;
import org.talweg.train.Metrics;
import org.talweg.train.Stop;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;

/** Predicts how diabetes progresses from ten measurements, and stops when the validation rows say so. */
final class Regression {
    private Regression() {
    }

    public static void main(String[] args) {
        try (Device device = Device.best()) {
            Split split = Datasets.builtIn("diabetes").shuffle(42).split(0.8);
            Scaler scaler = Scaler.standard().fit(split.train());
            DataLoader train = DataLoader.of(scaler.apply(split.train()), 32).shuffled(1);
            DataLoader valid = DataLoader.of(scaler.apply(split.validation()), 256);
            try (Model model = Sequential.builder(train.data().inputShape()).seed(1)
                .dense(32, SILU).dense(1).build(device)) {
                TrainingResult result = Trainer.builder(model)
                    .loss(Losses.huber(30))
                    .optimizer(Optimizers.adamW().weightDecay(0.01f))
                    .schedule(Schedules.cosine(0.05))
                    .metrics(Metrics.mae(), Metrics.rSquared())
                    .stopWhen(Stop.noImprovement("val_loss", 15))
                    .restoreBest("val_loss")
                    .build()
                    .fit(train, valid, 200);
                System.out.printf("%s: mean error %.1f, R² %.2f%n", result.stopReason(),
                    result.best("val_loss").get("val_mae"), result.best("val_loss").get("val_r2"));
            }
        }
    }
}
