package org.talweg.examples;

import static org.talweg.ops.Activation.GELU;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Device;
import org.talweg.optim.Optimizers;
import org.talweg.train.Trainer;

/** Learns to tell three species of iris apart, saves the model with its scaler, and classifies with what it reads back. */
final class Classification {
    private Classification() {
    }

    public static void main(String[] args) throws IOException {
        Path file = Files.createTempDirectory("talweg").resolve("iris.safetensors");
        Split split = Datasets.builtIn("iris").shuffle(3).split(0.8);
        Scaler scaler = Scaler.standard().fit(split.train());
        DataLoader train = DataLoader.of(scaler.apply(split.train()), 16).shuffled(3);
        DataLoader valid = DataLoader.of(scaler.apply(split.validation()), 256);
        try (Device device = Device.best();
            Model model = Sequential.builder(train.data().inputShape()).seed(3)
                .dense(16).layerNorm().activation(GELU).dropout(0.1f).dense(3).build(device)) {
            model.setScaler(scaler);
            Trainer.builder(model).loss(Losses.softmaxCrossEntropy().labelSmoothing(0.05f))
                .optimizer(Optimizers.lion().learningRate(0.003f)).build().fit(train, valid, 40);
            model.save(file);
        }
        try (Device device = Device.best(); Model model = Model.load(file, device)) {
            Dataset unseen = split.validation();
            float[] logits = model.predict(unseen.features(), unseen.rows());
            int right = 0;
            for (int row = 0; row < unseen.rows(); row++) {
                int best = 0;
                for (int c = 1; c < 3; c++) {
                    best = logits[row * 3 + c] > logits[row * 3 + best] ? c : best;
                }
                right += best == unseen.labels()[row] ? 1 : 0;
            }
            System.out.printf("%d of %d right%n", right, unseen.rows());
        }
    }
}
