package org.talweg.nn;

import java.util.List;
import java.util.Map;
import org.talweg.tape.Tape;
import org.talweg.tape.Value;

/**
 * x + branch(x), where the branch is a stack of layers that keeps the shape. Parameters are called
 * {@code residual_1.dense_1.weight}. He, Zhang, Ren and Sun 2016.
 */
public record Residual(List<Layer> layers) implements Layer {

    public Residual {
        layers = List.copyOf(layers);
        if (layers.isEmpty()) {
            throw new IllegalArgumentException("a residual block without layers; add some, as in "
                + "residual(b -> b.dense(64, RELU).dense(64))");
        }
    }

    @Override
    public String type() {
        return "residual";
    }

    @Override
    public Map<String, Object> settings() {
        return Map.of("layers", layers.stream().map(Layers::describe).toList());
    }

    @Override
    public Value forward(Tape tape, String name, Value input) {
        Value branch = input;
        for (Map.Entry<String, Layer> entry : Sequential.named(layers).entrySet()) {
            branch = entry.getValue().forward(tape, name + "." + entry.getKey(), branch);
        }
        if (!branch.shape().equals(input.shape())) {
            throw new IllegalArgumentException(name + ": the branch makes rows of " + branch.shape() + " from rows of "
                + input.shape() + "; they are added, so its last layer must give " + input.shape());
        }
        return tape.add(input, branch);
    }
}
