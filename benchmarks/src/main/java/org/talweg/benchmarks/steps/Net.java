package org.talweg.benchmarks.steps;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A training problem that every contestant gets alike: a multi-layer perceptron with ReLU between its layers, its first
 * weights, and rows to learn from. Widths end in the classes of a softmax cross-entropy trained by Adam, or in 1 for
 * logistic regression by plain SGD.
 *
 * @param widths of the input, each layer and the output
 * @param batch  rows of a step
 */
public record Net(List<Integer> widths, int batch) {
    /** Batches of the data set, taken in order, over and over. */
    public static final int BATCHES = 16;

    /** The sizes that are compared. */
    public static final List<Net> ALL = List.of(new Net(List.of(30, 1), 32), new Net(List.of(784, 128, 10), 64),
        new Net(List.of(784, 512, 512, 10), 128), new Net(List.of(784, 2048, 2048, 2048, 10), 512));

    /** As {@link #toString} writes it: {@code 784-128-10/64}. */
    public static Net parse(String text) {
        String[] parts = text.split("/");
        return new Net(Arrays.stream(parts[0].split("-")).map(Integer::valueOf).toList(), Integer.parseInt(parts[1]));
    }

    public boolean isLogistic() {
        return outputs() == 1;
    }

    public int inputs() {
        return widths.get(0);
    }

    public int outputs() {
        return widths.get(widths.size() - 1);
    }

    public int layers() {
        return widths.size() - 1;
    }

    public int rows() {
        return BATCHES * batch;
    }

    /** Where thousands of inputs move at once, Adam's usual 0.001 overshoots at first, and rounding decides by how much. */
    public float learningRate() {
        if (isLogistic()) {
            return 0.01f;
        }
        return widths.stream().anyMatch(width -> width > 1024) ? 0.0001f : 0.001f;
    }

    /** Of layer 0 and up, [outputs×inputs]; He's uniform. Biases start at 0. */
    public float[] weights(int layer) {
        int inputs = widths.get(layer);
        return uniform(layer + 1, widths.get(layer + 1) * inputs, (float) Math.sqrt(6.0 / inputs));
    }

    /** [rows×inputs]. */
    public float[] features() {
        return uniform(100, rows() * inputs(), 1);
    }

    /** A class for each row, decided by its first features so that there is something to learn. */
    public int[] labels() {
        float[] features = features();
        int[] labels = new int[rows()];
        int classes = Math.max(2, outputs());
        for (int i = 0; i < labels.length; i++) {
            float sum = features[i * inputs()] + features[i * inputs() + 1];
            labels[i] = Math.min(classes - 1, (int) ((sum + 2) / 4 * classes));
        }
        return labels;
    }

    /** Epochs after which losses are compared: one of the widest net, some hundred steps of small ones. */
    public int comparedEpochs() {
        long operations = 6L * batch * BATCHES;
        long parameters = 0;
        for (int i = 0; i < layers(); i++) {
            parameters += (long) widths.get(i) * widths.get(i + 1);
        }
        return (int) Math.max(1, Math.min(20, 20_000_000_000L / (operations * parameters)));
    }

    private static float[] uniform(long seed, int count, float limit) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) ((2 * random.nextDouble() - 1) * limit);
        }
        return values;
    }

    @Override
    public String toString() {
        return String.join("-", widths.stream().map(String::valueOf).toList()) + "/" + batch;
    }
}
