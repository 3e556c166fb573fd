package org.talweg.examples;

import static org.talweg.ops.Activation.RELU;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.talweg.data.DataLoader;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Initializers;
import org.talweg.nn.Layer;
import org.talweg.nn.Layers;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.optim.Optimizers;
import org.talweg.tape.Parameter;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;
import org.talweg.tensor.Shape;
import org.talweg.train.Trainer;

/** A layer of one's own: forward code only; the tape derives its gradients, and a model's file remembers it. */
final class CustomLayer {
    private CustomLayer() {
    }

    /** A wide product squeezed through a narrow one: x + W₂ relu(W₁ x), W₁ [narrow×n], W₂ [n×narrow]. */
    record Bottleneck(int narrow) implements Layer {
        @Override
        public String type() {
            return "bottleneck";
        }

        @Override
        public Map<String, Object> settings() {
            return Map.of("narrow", narrow);
        }

        @Override
        public Value forward(Tape tape, String name, Value input) {
            int wide = Math.toIntExact(input.shape().elements());
            Parameter down = tape.parameter(name + ".down", Shape.of(narrow, wide), Initializers.heUniform());
            Parameter up = tape.parameter(name + ".up", Shape.of(wide, narrow), Initializers.zeros());
            Value squeezed = tape.dense(input, down, null, RELU);
            return tape.add(input, tape.dense(squeezed, up, null, Activation.IDENTITY));
        }
    }

    public static void main(String[] args) throws IOException {
        Layers.register("bottleneck", "adds what passes through fewer units",
            settings -> new Bottleneck(((Number) settings.get("narrow")).intValue()));
        Path file = Files.createTempDirectory("talweg").resolve("digits.safetensors");
        Split split = Datasets.builtIn("digits").shuffle(5).split(0.8);
        Scaler scaler = Scaler.minMax().fit(split.train());
        DataLoader train = DataLoader.of(scaler.apply(split.train()), 32).shuffled(5);
        DataLoader valid = DataLoader.of(scaler.apply(split.validation()), 1024);
        try (Device device = Device.best();
            Model model = Sequential.builder(train.data().inputShape()).seed(5)
                .dense(64, RELU).layer(new Bottleneck(16)).dense(10).build(device)) {
            double accuracy = Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
                .optimizer(Optimizers.adam().learningRate(0.003f)).build().fit(train, valid, 15)
                .best("val_accuracy").get("val_accuracy");
            model.save(file);
            try (Model read = Model.load(file, device)) {
                System.out.printf("accuracy %.3f; %s%n", accuracy, read.description().layers().get(1));
            }
        }
    }
}
