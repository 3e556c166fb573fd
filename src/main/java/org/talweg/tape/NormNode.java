package org.talweg.tape;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.talweg.ops.Ops;
import org.talweg.tensor.Shape;

/** A normalisation, with a weight and a bias for each column or without. */
abstract class NormNode extends Node {
    final Value input;
    final Parameter weight;
    final Parameter bias;

    /**
     * @param kind   its name where it has no weight
     * @param weight or null
     * @param bias   or null
     */
    NormNode(String kind, Value input, Parameter weight, Parameter bias) {
        super(weight != null ? weight.name() : kind, input);
        this.input = input;
        this.weight = weight;
        this.bias = bias;
    }

    final void expectColumns(Parameter... parameters) {
        Shape columns = Shape.of(input.shape().dim(-1));
        for (Parameter parameter : parameters) {
            if (parameter != null && !parameter.shape().equals(columns)) {
                throw new IllegalArgumentException(parameter.name() + " has shape " + parameter.shape() + ", expected "
                    + columns + " for rows of " + input.shape());
            }
        }
    }

    @Override
    int squarePartials(Ops ops, int batch) {
        return weight == null && bias == null ? 0 : ops.normalisation().squarePartials(input.shape().dim(-1));
    }

    @Override
    boolean backwardReadsOutput() {
        return false;
    }

    @Override
    List<Parameter> parameters() {
        return Stream.of(weight, bias).filter(Objects::nonNull).toList();
    }
}
