package org.talweg.analysis;

import java.util.Locale;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.tape.Parameter;
import org.talweg.tensor.DType;
import org.talweg.tensor.Tensor;

/**
 * A direction in the space of a model's parameters.
 *
 * @param label  for axes: what a step of 1 along it means
 * @param values in the layout of {@link Model#parameters}, padding 0
 */
public record Direction(String label, float[] values) {
    /** Keeps the draws of directions apart from those of initialisers that have the same seed. */
    private static final long STREAM = 1L << 33;
    private static final long STREAMS_PER_DIRECTION = 1L << 20;
    /** Added to the length of a drawn filter, as in Li et al.'s code. */
    private static final double EPSILON = 1e-10;

    /**
     * How long the parts of a direction are made. Networks of ReLU compute the same when one layer is scaled up and the
     * next one down, so a step of fixed length means little; a step relative to the weights does not depend on that.
     */
    public enum Normalization {
        /** Each row of a weight matrix as long as the model's. Li et al. 2018, Visualizing the Loss Landscape. */
        FILTER,
        /** Each weight matrix as long as the model's. */
        LAYER,
        /** As drawn: each entry normal with variance 1. */
        NONE;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * A random direction at the point where the model stands.
     *
     * @param biases whether biases and other vectors (scales and shifts of normalisation) take part, each as one filter;
     *               else they stay, as Li et al. recommend
     * @param seed   with {@code number} decides the draw
     * @param number tells directions of one seed apart
     */
    public static Direction random(Model model, Normalization normalization, boolean biases, long seed, int number) {
        Device device = model.device();
        Tensor drawn = device.allocate(DType.FLOAT32, model.parameters().shape(), "direction");
        try {
            for (Parameter parameter : model.tape().parameters()) {
                device.ops().random().fillNormal(parameter.in(drawn), seed,
                    STREAM + number * STREAMS_PER_DIRECTION + parameter.index(), 0, 1);
            }
            return new Direction(label(normalization, number), Vectors.narrow(Vectors.download(device, drawn)))
                .normalized(model, normalization, biases);
        } finally {
            drawn.buffer().close();
        }
    }

    private static String label(Normalization normalization, int number) {
        String what = normalization == Normalization.NONE ? "random direction " : "-normalised random direction ";
        return (normalization == Normalization.NONE ? "" : normalization.toString()) + what + number;
    }

    /**
     * This direction with its parts as long as those of the model: d · ‖w‖ / (‖d‖ + 1e-10), filter by filter or layer by
     * layer.
     *
     * @param biases as in {@link #random}
     */
    public Direction normalized(Model model, Normalization normalization, boolean biases) {
        double[] weights = Vectors.download(model.device(), model.parameters());
        double[] drawn = Vectors.widen(values);
        float[] result = new float[values.length];
        for (Parameter parameter : model.tape().parameters()) {
            int from = Math.toIntExact(parameter.offset());
            int length = Math.toIntExact(parameter.shape().elements());
            boolean vector = parameter.shape().rank() <= 1;
            if (vector && !biases) {
                continue;
            }
            int part = normalization == Normalization.FILTER && !vector ? length / parameter.shape().dim(0) : length;
            for (int start = from; start < from + length; start += part) {
                double factor = normalization == Normalization.NONE ? 1
                    : length(weights, start, part) / (length(drawn, start, part) + EPSILON);
                for (int i = start; i < start + part; i++) {
                    result[i] = (float) (factor * drawn[i]);
                }
            }
        }
        return new Direction(label, result);
    }

    private static double length(double[] vector, int from, int count) {
        double squares = 0;
        for (int i = from; i < from + count; i++) {
            squares += vector[i] * vector[i];
        }
        return Math.sqrt(squares);
    }
}
