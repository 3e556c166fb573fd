package org.talweg.tape;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.talweg.ops.Activation;
import org.talweg.ops.FusedMlp;
import org.talweg.ops.Precision;
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
    private final List<Parameter> states = new ArrayList<>();
    private final Set<Parameter> used = new HashSet<>();
    private final long seed;
    private final Precision precision;
    private long parameterLength;
    private long stateLength;
    private Value output;

    /**
     * @param inputRow shape of one row of the input
     * @param seed     decides the masks of {@link #dropout}
     */
    public Tape(Shape inputRow, long seed) {
        this(inputRow, seed, Precision.FLOAT32);
    }

    /**
     * @param precision of the matrix products
     */
    public Tape(Shape inputRow, long seed, Precision precision) {
        input = new Value(0, inputRow, null);
        this.seed = seed;
        this.precision = precision;
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
        expectFree(name, shape);
        Parameter parameter = new Parameter(name, parameters.size(), parameterLength, shape, initializer);
        parameterLength += Parameter.align(shape.elements());
        parameters.add(parameter);
        return parameter;
    }

    /**
     * Declares a tensor that has no gradient but changes in training and is part of the model, such as running
     * statistics.
     *
     * @throws IllegalArgumentException if the name is taken
     */
    public Parameter state(String name, Shape shape, Initializer initializer) {
        expectFree(name, shape);
        Parameter state = new Parameter(name, states.size(), stateLength, shape, initializer);
        stateLength += Parameter.align(shape.elements());
        states.add(state);
        return state;
    }

    private void expectFree(String name, Shape shape) {
        for (List<Parameter> group : List.of(parameters, states)) {
            for (Parameter other : group) {
                if (other.name().equals(name)) {
                    throw new IllegalArgumentException("two parameters are called " + name + ": " + other.shape()
                        + " and " + shape);
                }
            }
        }
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
        return add(row, new DenseNode(x, weights, bias, activation, precision));
    }

    /** f(x), elementwise. Inside {@link #dense} it costs nothing; on its own it is a pass over memory. */
    public Value activation(Value x, Activation activation) {
        return add(x.shape(), new ActivationNode(x, activation));
    }

    /** Softmax over the last dimension, or its logarithm. */
    public Value softmax(Value x, boolean log) {
        return add(x.shape(), new SoftmaxNode(x, log));
    }

    /**
     * In training drops each element with this probability and divides the others by 1 − rate, with another mask each
     * step; in prediction the identity.
     *
     * @param rate in [0, 1]
     */
    public Value dropout(Value x, float rate) {
        return add(x.shape(), new DropoutNode(x, rate, seed));
    }

    /**
     * Layer normalisation over the last dimension.
     *
     * @param weight [last dimension], or null
     * @param bias   [last dimension], or null
     */
    public Value layerNorm(Value x, Parameter weight, Parameter bias, float epsilon) {
        return normalised(x, new LayerNormNode(x, weight, bias, epsilon, true), weight, bias);
    }

    /**
     * RMS normalisation over the last dimension.
     *
     * @param weight [last dimension], or null
     */
    public Value rmsNorm(Value x, Parameter weight, float epsilon) {
        return normalised(x, new LayerNormNode(x, weight, null, epsilon, false), weight, null);
    }

    /**
     * Batch normalisation of rows of rank 1: in training with the statistics of the batch, which move the running ones
     * once a step, in prediction with the running ones.
     *
     * @param weight          [columns], or null
     * @param bias            [columns], or null
     * @param runningMean     [columns], of {@link #state}
     * @param runningVariance [columns], of {@link #state}
     * @param momentum        share of the new statistics, as in PyTorch
     * @param frozen          use the running statistics in training too, and leave them
     */
    public Value batchNorm(Value x, Parameter weight, Parameter bias, Parameter runningMean,
                           Parameter runningVariance, float epsilon, float momentum, boolean frozen) {
        return normalised(x, new BatchNormNode(x, weight, bias, runningMean, runningVariance, epsilon, momentum,
            frozen), weight, bias);
    }

    private Value normalised(Value x, Node node, Parameter weight, Parameter bias) {
        for (Parameter parameter : new Parameter[] {weight, bias}) {
            if (parameter != null) {
                use(parameter);
            }
        }
        return add(x.shape(), node);
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

    /** What training changes without a gradient, in the order of its flat buffer. */
    public List<Parameter> states() {
        return Collections.unmodifiableList(states);
    }

    /** Elements of the flat buffer of states, padding included; 0 if there are none. */
    public long stateLength() {
        return stateLength;
    }

    /** Of the matrix products. */
    Precision precision() {
        return precision;
    }

    /** Elements of a flat buffer of parameters, padding included. */
    public long parameterLength() {
        return parameterLength;
    }

    /** Every result, inputs before what is computed from them. */
    public List<Value> results() {
        return Collections.unmodifiableList(results);
    }

    /** The dense layers, one after the other, that all of it is; empty if it is anything else. */
    public Optional<FusedMlp> fusedMlp() {
        return Optional.ofNullable(FusedStep.of(this, new ArrayList<>()));
    }

    /** Names of what training computes otherwise than prediction: dropout, statistics of a batch. */
    public List<String> differentInTraining() {
        return results.stream().map(Value::producer).filter(Node::differsInTraining).map(Node::name).toList();
    }

    private void use(Parameter parameter) {
        if (!used.add(parameter)) {
            throw new IllegalArgumentException("parameter " + parameter.name() + " is used twice; each layer "
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
