package org.talweg.nn;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.talweg.data.Protobuf;
import org.talweg.tensor.Shape;

/** The graph of an ONNX file while it is put together; values go by their names. Field numbers are those of onnx.proto. */
final class OnnxGraph {
    static final String INPUT = "input";
    private static final String OUTPUT = "output";
    /** Of the rows, which may be any number. */
    private static final String BATCH = "batch";
    static final int FLOAT = 1;
    static final int DOUBLE = 11;

    private final List<Protobuf> nodes = new ArrayList<>();
    private final Map<String, Protobuf> tensors = new LinkedHashMap<>();

    /** An operator's attributes. */
    static final class Attributes {
        private static final int TYPE_FLOAT = 1;
        private static final int TYPE_INT = 2;
        private static final int TYPE_INTS = 7;

        private final List<Protobuf> list = new ArrayList<>();

        Attributes number(String name, float value) {
            list.add(new Protobuf().text(1, name).single(2, value).whole(20, TYPE_FLOAT));
            return this;
        }

        Attributes whole(String name, long value) {
            list.add(new Protobuf().text(1, name).whole(3, value).whole(20, TYPE_INT));
            return this;
        }

        Attributes wholes(String name, long... values) {
            Protobuf attribute = new Protobuf().text(1, name);
            for (long value : values) {
                attribute.whole(8, value);
            }
            list.add(attribute.whole(20, TYPE_INTS));
            return this;
        }
    }

    /** Adds a node without attributes; the name of its result. */
    String node(String operator, String... inputs) {
        return node(operator, attributes -> attributes, inputs);
    }

    String node(String operator, UnaryOperator<Attributes> attributes, String... inputs) {
        String result = operator + "_" + (nodes.size() + 1);
        add(operator, result, attributes.apply(new Attributes()), inputs);
        return result;
    }

    private void add(String operator, String result, Attributes attributes, String... inputs) {
        Protobuf node = new Protobuf();
        for (String input : inputs) {
            node.text(1, input);
        }
        node.text(2, result).text(3, result).text(4, operator);
        attributes.list.forEach(attribute -> node.message(5, attribute));
        nodes.add(node);
    }

    /** Gives the graph's result its name. */
    void output(String value) {
        add("Identity", OUTPUT, new Attributes(), value);
    }

    /** A constant scalar. */
    String number(float value) {
        return floats("constant " + value, new int[0], value);
    }

    String floats(String name, int[] shape, float... values) {
        ByteBuffer raw = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        raw.asFloatBuffer().put(values);
        return tensor(name, FLOAT, raw.array(), shape);
    }

    String doubles(String name, double... values) {
        ByteBuffer raw = ByteBuffer.allocate(values.length * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        raw.asDoubleBuffer().put(values);
        return tensor(name, DOUBLE, raw.array(), values.length);
    }

    private String tensor(String name, int type, byte[] raw, int... shape) {
        Protobuf tensor = new Protobuf();
        for (int dim : shape) {
            tensor.whole(1, dim);
        }
        tensors.put(name, tensor.whole(2, type).text(8, name).bytes(9, raw));
        return name;
    }

    Protobuf write(Shape input, Shape output) {
        Protobuf graph = new Protobuf();
        nodes.forEach(node -> graph.message(1, node));
        graph.text(2, "model");
        tensors.values().forEach(tensor -> graph.message(5, tensor));
        return graph.message(11, value(INPUT, input)).message(12, value(OUTPUT, output));
    }

    private static Protobuf value(String name, Shape row) {
        Protobuf shape = new Protobuf().message(1, new Protobuf().text(2, BATCH));
        for (int dim : row.toArray()) {
            shape.message(1, new Protobuf().whole(1, dim));
        }
        return new Protobuf().text(1, name).message(2,
            new Protobuf().message(1, new Protobuf().whole(1, FLOAT).message(2, shape)));
    }
}
