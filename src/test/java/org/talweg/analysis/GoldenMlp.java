package org.talweg.analysis;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.talweg.data.Dataset;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.tape.Loss;
import org.talweg.tensor.Shape;
import org.talweg.testing.Golden;

/** The network of {@code landscape.json}: 6-5-3, tanh, softmax cross-entropy, 24 rows. */
final class GoldenMlp {
    static final List<String> PARAMETERS = List.of("dense_1.weight", "dense_1.bias", "dense_2.weight", "dense_2.bias");
    private static final List<String> NAMES = List.of("weight0", "bias0", "weight1", "bias1");

    final Golden.Case golden = Golden.cases("landscape.json").get(0);
    final Loss loss = Losses.softmaxCrossEntropy();
    final Dataset data;

    GoldenMlp() {
        int columns = golden.shape("x")[1];
        List<String> names = IntStream.range(0, columns).mapToObj(i -> "x" + i).toList();
        data = Dataset.classification("golden", names, golden.floats("x"), "class", golden.ints("classes"),
            List.of("0", "1", "2"));
    }

    Model model(Device device) {
        int[] first = golden.shape("theta_weight0");
        Model model = Sequential.builder(Shape.of(first[1])).dense(first[0], Activation.TANH)
            .dense(golden.shape("theta_weight1")[0]).build(device);
        for (int i = 0; i < PARAMETERS.size(); i++) {
            model.setParameter(PARAMETERS.get(i), golden.floats("theta_" + NAMES.get(i)));
        }
        return model;
    }

    /** The given parameters one after the other: {@code theta}, {@code d1} or {@code d2}. */
    float[] flattened(String prefix) {
        float[] all = new float[0];
        for (String name : NAMES) {
            float[] part = golden.floats(prefix + "_" + name);
            all = Arrays.copyOf(all, all.length + part.length);
            System.arraycopy(part, 0, all, all.length - part.length, part.length);
        }
        return all;
    }
}
