package org.talweg.nn;

import org.talweg.tape.Initializer;
import org.talweg.tensor.Tensor;

/**
 * First values of parameters. Random ones depend on the model's seed and the parameter's number alone. For weights
 * [outputs×inputs], fan-in is the inputs and fan-out the outputs.
 */
public final class Initializers {
    private Initializers() {
    }

    /** U(−a, a) with a = √(6 / (fan-in + fan-out)). Glorot and Bengio 2010; Keras's default. */
    public static Initializer glorotUniform() {
        return (ops, parameter, seed, stream) ->
            uniform(Math.sqrt(6.0 / (fanIn(parameter) + fanOut(parameter)))).fill(ops, parameter, seed, stream);
    }

    /** N(0, 2 / (fan-in + fan-out)). Glorot and Bengio 2010. */
    public static Initializer glorotNormal() {
        return (ops, parameter, seed, stream) ->
            normal(Math.sqrt(2.0 / (fanIn(parameter) + fanOut(parameter)))).fill(ops, parameter, seed, stream);
    }

    /** U(−a, a) with a = √(6 / fan-in): keeps the variance through ReLU. He, Zhang, Ren and Sun 2015. */
    public static Initializer heUniform() {
        return (ops, parameter, seed, stream) ->
            uniform(Math.sqrt(6.0 / fanIn(parameter))).fill(ops, parameter, seed, stream);
    }

    /** N(0, 2 / fan-in). He, Zhang, Ren and Sun 2015. */
    public static Initializer heNormal() {
        return (ops, parameter, seed, stream) ->
            normal(Math.sqrt(2.0 / fanIn(parameter))).fill(ops, parameter, seed, stream);
    }

    /** N(0, 1 / fan-in). LeCun, Bottou, Orr and Müller 1998; what SELU wants. */
    public static Initializer lecunNormal() {
        return (ops, parameter, seed, stream) ->
            normal(Math.sqrt(1.0 / fanIn(parameter))).fill(ops, parameter, seed, stream);
    }

    public static Initializer zeros() {
        return (ops, parameter, seed, stream) -> ops.data().zero(parameter);
    }

    public static Initializer constant(float value) {
        // Uniform in an interval of width zero is its lower end, exactly.
        return (ops, parameter, seed, stream) -> ops.random().fillUniform(parameter, seed, stream, value, value);
    }

    private static Initializer uniform(double limit) {
        return (ops, parameter, seed, stream) ->
            ops.random().fillUniform(parameter, seed, stream, (float) -limit, (float) limit);
    }

    private static Initializer normal(double standardDeviation) {
        return (ops, parameter, seed, stream) ->
            ops.random().fillNormal(parameter, seed, stream, 0, (float) standardDeviation);
    }

    private static int fanIn(Tensor weights) {
        return matrix(weights).dim(1);
    }

    private static int fanOut(Tensor weights) {
        return matrix(weights).dim(0);
    }

    private static Tensor matrix(Tensor weights) {
        if (weights.shape().rank() != 2) {
            throw new IllegalArgumentException("fan-in and fan-out are those of a weight matrix [outputs×inputs], not "
                + "of " + weights.shape() + "; use zeros() or constant(value) here");
        }
        return weights;
    }
}
