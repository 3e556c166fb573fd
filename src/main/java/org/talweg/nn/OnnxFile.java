package org.talweg.nn;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.talweg.data.Protobuf;
import org.talweg.data.Scaler;
import org.talweg.files.WholeFile;
import org.talweg.ops.Activation;

/**
 * A model as an ONNX file, for prediction: what {@link Model#predict} computes, its scaler included, with any number of
 * rows. Operators of opset 17; what it has no operator for is put together from others.
 *
 * @see <a href="https://github.com/onnx/onnx/blob/main/docs/IR.md">the format</a>
 */
final class OnnxFile {
    /** All that a protobuf message can hold. */
    private static final long LARGEST = Integer.MAX_VALUE - (1 << 20);
    private static final int IR_VERSION = 8;
    private static final int OPSET = 17;

    private final Model model;
    private final OnnxGraph graph = new OnnxGraph();
    /** Of the value that the next layer takes. */
    private int columns;

    private OnnxFile(Model model) {
        this.model = model;
        columns = model.inputShape().dim(-1);
    }

    static void save(Model model, Path path) throws IOException {
        long bytes = model.tensors().stream().mapToLong(tensor -> tensor.shape().elements()).sum() * Float.BYTES;
        if (bytes > LARGEST) {
            throw new IOException(path + ": an ONNX file holds at most 2 GiB, the model has " + bytes + " bytes");
        }
        ByteBuffer content = ByteBuffer.wrap(new OnnxFile(model).write().bytes());
        WholeFile.write(path, channel -> {
            while (content.hasRemaining()) {
                channel.write(content);
            }
        });
    }

    private Protobuf write() {
        String value = model.scaler().map(scaler -> scale(OnnxGraph.INPUT, scaler)).orElse(OnnxGraph.INPUT);
        for (Map.Entry<String, Layer> entry : model.description().namedLayers().entrySet()) {
            value = layer(entry.getKey(), entry.getValue(), value);
        }
        graph.output(value);
        return new Protobuf().whole(1, IR_VERSION).text(2, "talweg")
            .message(7, graph.write(model.inputShape(), model.outputShape()))
            .message(8, new Protobuf().text(1, "").whole(2, OPSET));
    }

    /** In double, as {@link Scaler#apply} does it. */
    private String scale(String x, Scaler scaler) {
        String wide = graph.node("Cast", a -> a.whole("to", OnnxGraph.DOUBLE), x);
        String there = scaler.fill().map(fill -> graph.node("Where", graph.node("IsNaN", wide),
            graph.doubles("scaler.fill", fill), wide)).orElse(wide);
        String moved = graph.node("Sub", there, graph.doubles("scaler.shift", scaler.shift()));
        String divided = graph.node("Div", moved, graph.doubles("scaler.divisor", scaler.divisor()));
        return graph.node("Cast", a -> a.whole("to", OnnxGraph.FLOAT), divided);
    }

    private String layer(String name, Layer layer, String x) {
        if (layer instanceof Dense dense) {
            String weight = tensor(name + ".weight");
            columns = dense.units();
            String[] inputs = dense.bias() ? new String[] {x, weight, tensor(name + ".bias")} : new String[] {x, weight};
            return activation(dense.activation(), graph.node("Gemm", a -> a.whole("transB", 1), inputs));
        }
        if (layer instanceof ActivationLayer alone) {
            return activation(alone.activation(), x);
        }
        if (layer instanceof Softmax softmax) {
            return graph.node(softmax.log() ? "LogSoftmax" : "Softmax", a -> a.whole("axis", -1), x);
        }
        if (layer instanceof Dropout) {
            return x;
        }
        if (layer instanceof LayerNorm norm) {
            String weight = norm.affine() ? tensor(name + ".weight") : constant(name + ".weight", 1, columns);
            String[] inputs = norm.affine() ? new String[] {x, weight, tensor(name + ".bias")} : new String[] {x, weight};
            return graph.node("LayerNormalization", a -> a.whole("axis", -1).number("epsilon", norm.epsilon()), inputs);
        }
        if (layer instanceof RmsNorm norm) {
            String mean = graph.node("ReduceMean", a -> a.wholes("axes", -1), graph.node("Mul", x, x));
            String root = graph.node("Sqrt", graph.node("Add", mean, graph.number(norm.epsilon())));
            String normed = graph.node("Div", x, root);
            return norm.affine() ? graph.node("Mul", normed, tensor(name + ".weight")) : normed;
        }
        if (layer instanceof BatchNorm norm) {
            String weight = norm.affine() ? tensor(name + ".weight") : constant(name + ".weight", 1, columns);
            String bias = norm.affine() ? tensor(name + ".bias") : constant(name + ".bias", 0, columns);
            return graph.node("BatchNormalization", a -> a.number("epsilon", norm.epsilon()), x, weight, bias,
                tensor(name + ".running_mean"), tensor(name + ".running_variance"));
        }
        if (layer instanceof Residual residual) {
            String branch = x;
            for (Map.Entry<String, Layer> entry : Sequential.named(residual.layers()).entrySet()) {
                branch = layer(name + "." + entry.getKey(), entry.getValue(), branch);
            }
            return graph.node("Add", x, branch);
        }
        throw new IllegalArgumentException("layer " + name + " of type " + layer.type()
            + " has no ONNX form; those that have are " + String.join(", ", Layers.types().keySet()));
    }

    private String activation(Activation f, String z) {
        return switch (f.kind()) {
            case IDENTITY -> z;
            case RELU -> graph.node("Relu", z);
            case TANH -> graph.node("Tanh", z);
            case SIGMOID -> graph.node("Sigmoid", z);
            case GELU -> half(z, graph.node("Erf", graph.node("Mul", z, graph.number((float) Math.sqrt(0.5)))));
            case LEAKY_RELU -> graph.node("LeakyRelu", a -> a.number("alpha", f.p()), z);
            case ELU -> graph.node("Elu", a -> a.number("alpha", f.p()), z);
            case SELU -> graph.node("Selu", a -> a.number("alpha", f.p() / f.q()).number("gamma", f.q()), z);
            case GELU_TANH -> {
                String cube = graph.node("Mul", graph.node("Mul", graph.node("Mul", z, z), z), graph.number(0.044715f));
                String u = graph.node("Mul", graph.node("Add", z, cube), graph.number((float) Math.sqrt(2 / Math.PI)));
                yield half(z, graph.node("Tanh", u));
            }
            case SILU -> graph.node("Mul", z, graph.node("Sigmoid", z));
            case SOFTPLUS -> {
                String steep = graph.node("Mul", z, graph.number(f.p()));
                String soft = graph.node("Div", graph.node("Softplus", steep), graph.number(f.p()));
                yield graph.node("Where", graph.node("Greater", steep, graph.number(f.q())), z, soft);
            }
            case MISH -> graph.node("Mul", z, graph.node("Tanh", graph.node("Softplus", z)));
            case HARDSWISH -> graph.node("HardSwish", z);
            case HARDSIGMOID -> graph.node("HardSigmoid", a -> a.number("alpha", 1 / 6f).number("beta", 0.5f), z);
            case RELU6 -> graph.node("Clip", z, graph.number(0), graph.number(6));
            case LOG_SIGMOID -> graph.node("Neg", graph.node("Softplus", graph.node("Neg", z)));
        };
    }

    /** z (1 + y) / 2. */
    private String half(String z, String y) {
        String sum = graph.node("Add", y, graph.number(1));
        return graph.node("Mul", graph.node("Mul", z, sum), graph.number(0.5f));
    }

    private String tensor(String name) {
        return graph.floats(name, model.parameter(name).shape().toArray(), model.parameterValues(name));
    }

    /** For a layer without parameters, whose operator wants them. */
    private String constant(String name, float value, int length) {
        float[] values = new float[length];
        Arrays.fill(values, value);
        return graph.floats(name, new int[] {length}, values);
    }
}
