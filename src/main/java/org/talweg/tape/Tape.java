package org.talweg.tape;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.talweg.ops.Activation;
import org.talweg.tensor.Shape;

/**
 * Records a forward pass on symbolic values, with the parameters it uses and their layout. The backward pass follows
 * from it: {@link TrainingProgram} plans a whole step for a batch size, {@link ForwardProgram} a prediction.
 *
 * <p>Shapes on a tape are those of one row; the batch size comes when a program is planned.
 */
public final class Tape {
    private final Value input;
    private final List<Value> results = new ArrayList<>();
    private final List<Parameter> parameters = new ArrayList<>();
    private final Set<Parameter> used = new HashSet<>();
    private long parameterLength;
    private Value output;

    /** @param inputRow shape of one row of the input */
    public Tape(Shape inputRow) {
        input = new Value(0, inputRow, null);
    }

    public Value input() {
        return input;
    }

    /**
     * Declares a parameter; it comes after those before it in the flat buffers.
     *
     * @throws IllegalArgumentException if the name is taken
     */
    public Parameter parameter(String name, Shape shape, Initializer initializer) {
        for (Parameter other : parameters) {
            if (other.name().equals(name)) {
                throw new IllegalArgumentException("two parameters are called " + name + ": " + other.shape()
                    + " and " + shape);
            }
        }
        Parameter parameter = new Parameter(name, parameters.size(), parameterLength, shape, initializer);
        parameterLength += Parameter.align(shape.elements());
        parameters.add(parameter);
        return parameter;
    }

    /**
     * f(x Wᵀ + b).
     *
     * @param weights [outputs×inputs]
     * @param bias    [outputs], or null
     * @throws IllegalArgumentException if shapes do not match, or another node trains the same parameter
     */
    public Value dense(Value x, Parameter weights, Parameter bias, Activation activation) {
        Shape row = DenseNode.outputRow(x, weights, bias);
        use(weights);
        if (bias != null) {
            use(bias);
        }
        return add(row, new DenseNode(x, weights, bias, activation));
    }

    /** f(x), elementwise. Inside {@link #dense} it costs nothing; on its own it is a pass over memory. */
    public Value activation(Value x, Activation activation) {
        return add(x.shape(), new ActivationNode(x, activation));
    }

    /** a + b, elementwise: a residual connection. */
    public Value add(Value a, Value b) {
        if (!a.shape().equals(b.shape())) {
            throw new IllegalArgumentException("cannot add " + a + " and " + b + ": shapes differ");
        }
        return add(a.shape(), new AddNode(a, b));
    }

    /**
     * Ends the recording: {@code value} is the prediction.
     *
     * @throws IllegalArgumentException if another result is used by nothing
     */
    public void output(Value value) {
        if (value == input) {
            throw new IllegalArgumentException("the output is the input itself; add a layer");
        }
        for (Value result : results) {
            if (result != value && result.consumers().isEmpty()) {
                throw new IllegalArgumentException(result + " is used by nothing, and is not the output " + value);
            }
        }
        output = value;
    }

    public Value output() {
        if (output == null) {
            throw new IllegalStateException("this tape has no output yet; call output(value)");
        }
        return output;
    }

    /** In the order of the flat buffers. */
    public List<Parameter> parameters() {
        return Collections.unmodifiableList(parameters);
    }

    /** Elements of a flat buffer, padding included. */
    public long parameterLength() {
        return parameterLength;
    }

    /** Every result, inputs before what is computed from them. */
    public List<Value> results() {
        return Collections.unmodifiableList(results);
    }

    private void use(Parameter parameter) {
        if (!used.add(parameter)) {
            throw new IllegalArgumentException("parameter " + parameter.name() + " is used twice; each dense layer "
                + "overwrites the gradient of its own parameters, so give the second layer a parameter of its own");
        }
    }

    private Value add(Shape row, Node node) {
        if (output != null) {
            throw new IllegalStateException("the tape ended with the output " + output + "; nothing can follow");
        }
        Value result = new Value(results.size() + 1, row, node);
        node.inputs().forEach(value -> value.consumers().add(node));
        results.add(result);
        return result;
    }
}
