package org.talweg.tape;

import java.util.List;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.FusedMlp;
import org.talweg.ops.Ops;
import org.talweg.ops.Precision;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/** A = f(X Wᵀ + b); dW = dZᵀ X, db = column sums of dZ, dX = dZ W. */
final class DenseNode extends Node {
    private final Value input;
    private final Parameter weights;
    private final Parameter bias;
    private final Activation activation;
    private final Precision precision;

    /** @param bias or null */
    DenseNode(Value input, Parameter weights, Parameter bias, Activation activation, Precision precision) {
        super(weights.name(), input);
        this.input = input;
        this.weights = weights;
        this.bias = bias;
        this.activation = activation;
        this.precision = precision;
    }

    @Override
    Activation activation() {
        return activation;
    }

    @Override
    void forward(Pass pass, Value output) {
        Tensor x = pass.value(input);
        BatchRows rows = pass.rows(input);
        Tensor w = pass.parameter(weights);
        Tensor b = pass.parameter(bias);
        Tensor z = pass.hasBackward() ? preActivation(pass, output) : null;
        Tensor a = pass.value(output);
        DenseOps dense = pass.ops().dense().at(precision);
        dense.plan(shape(pass.batch()), w);
        pass.emit(ops -> dense.forward(x, rows, w, b, activation, z, a));
    }

    @Override
    void backward(Pass pass, Value output) {
        Tensor dz = pass.gradient(output);
        if (output.foldedActivation().equals(Activation.IDENTITY) && !activation.equals(Activation.IDENTITY)) {
            Tensor saved = saved(pass, output);
            pass.emit(ops -> ops.activation().backward(dz, activation, saved, false, dz));
        }
        DenseOps dense = pass.ops().dense().at(precision);
        if (!pass.trains(this)) {
            if (pass.needsGradient(input)) {
                Towards to = towards(pass);
                pass.emit(ops -> dense.backwardInput(dz, to.weights, to.below, to.saved, to.accumulate, to.gradient));
            }
            return;
        }
        Tensor x = pass.value(input);
        BatchRows rows = pass.rows(input);
        // The bias's gradient is a by-product of the weights', which is computed for its sake and else not used.
        Tensor dw = pass.isFrozen(weights) ? pass.unusedGradient(weights, output) : pass.parameterGradient(weights);
        Tensor db = pass.parameterGradient(bias);
        Tensor partials = pass.takeSquarePartials(squarePartials(pass.ops(), pass.batch()));
        Tensor workspace = pass.scratch(dense.workspace(shape(pass.batch())));
        boolean accumulates = pass.accumulates();
        if (pass.needsGradient(input)) {
            Towards to = towards(pass);
            pass.emit(ops -> dense.backward(x, rows, dz, accumulates, dw, db, partials, workspace, to.weights, to.below,
                to.saved, to.accumulate, to.gradient));
        } else {
            pass.emit(ops -> dense.backwardWeights(x, rows, dz, accumulates, dw, db, partials, workspace));
        }
    }

    /** What the product towards the input works on, beside dZ. */
    private record Towards(Tensor weights, Activation below, Tensor saved, boolean accumulate, Tensor gradient) {
    }

    private Towards towards(Pass pass) {
        Activation below = input.foldedActivation();
        Tensor saved = below.equals(Activation.IDENTITY) ? null : ((DenseNode) input.producer()).saved(pass, input);
        return new Towards(pass.parameter(weights), below, saved, pass.contribute(input), pass.gradient(input));
    }

    /** What the derivative of the activation is computed from. */
    Tensor saved(Pass pass, Value output) {
        return switch (activation.saved()) {
            case NOTHING -> null;
            case OUTPUT -> pass.value(output);
            case INPUT -> preActivation(pass, output);
        };
    }

    private Tensor preActivation(Pass pass, Value output) {
        return activation.saved() == Activation.Saved.INPUT
            ? pass.memory().tensor(name() + " pre-activation", output.id(), output.shape(), pass.batch()) : null;
    }

    private DenseShape shape(int batch) {
        return new DenseShape(batch, weights.shape().dim(0), weights.shape().dim(1));
    }

    @Override
    int squarePartials(Ops ops, int batch) {
        return ops.dense().at(precision).squarePartials(shape(batch));
    }

    @Override
    boolean backwardReadsOutput() {
        return activation.saved() == Activation.Saved.OUTPUT;
    }

    @Override
    boolean foldsDerivative() {
        return true;
    }

    @Override
    boolean readsThroughRows(Ops ops, int batch) {
        return ops.dense().at(precision).readsRows(shape(batch));
    }

    @Override
    FusedMlp.Layer fusedLayer() {
        return new FusedMlp.Layer(name(), weights.shape().dim(1), weights.shape().dim(0), weights.offset(),
            bias == null ? FusedMlp.Layer.NO_BIAS : bias.offset(), activation);
    }

    @Override
    List<Parameter> parameters() {
        return bias == null ? List.of(weights) : List.of(weights, bias);
    }

    static Shape outputRow(Value input, Parameter weights, Parameter bias) {
        if (input.shape().rank() != 1) {
            throw new IllegalArgumentException(weights.name() + ": a dense layer takes rows of rank 1, not "
                + input.shape() + "; flatten them first");
        }
        if (weights.shape().rank() != 2 || weights.shape().dim(1) != input.shape().dim(0)) {
            throw new IllegalArgumentException(weights.name() + " has shape " + weights.shape()
                + ", expected [outputs×" + input.shape().dim(0) + "] for rows of " + input.shape());
        }
        Shape row = Shape.of(weights.shape().dim(0));
        if (bias != null && !bias.shape().equals(row)) {
            throw new IllegalArgumentException(bias.name() + " has shape " + bias.shape() + ", expected " + row);
        }
        return row;
    }
}
