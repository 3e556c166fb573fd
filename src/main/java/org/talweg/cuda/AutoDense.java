package org.talweg.cuda;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.talweg.cuda.ProductTuner.ByLibrary;
import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseOps;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Precision;
import org.talweg.tensor.Tensor;

/** Our own products, or cuBLAS's, whichever {@link ProductTuner} found faster for the shape. */
final class AutoDense implements DenseOps {
    private final CudaDevice device;
    private final CudaProducts products;
    private final CudaDense own;
    private final CublasDense library;
    private final Map<DenseShape, ByLibrary> choices = new HashMap<>();

    AutoDense(CudaDevice device, CudaProducts products, CudaDense own, CublasDense library) {
        this.device = device;
        this.products = products;
        this.own = own;
        this.library = library;
    }

    @Override
    public DenseOps at(Precision precision) {
        return products.at(precision);
    }

    @Override
    public void plan(DenseShape shape, Tensor weights) {
        if (readsOwn(shape)) {
            own.plan(shape, weights);
        }
    }

    @Override
    public int weightBytes(DenseShape shape) {
        return (readsOwn(shape) ? own : library).weightBytes(shape);
    }

    /** Whether any product that reads the weights is our own. */
    private boolean readsOwn(DenseShape shape) {
        return !choice(shape).forward() || !choice(shape).input();
    }

    private ByLibrary choice(DenseShape shape) {
        ByLibrary choice = choices.get(shape);
        if (choice == null) {
            choice = products.tuner().compare(own, library, shape);
            choices.put(shape, choice);
        }
        return choice;
    }

    /** In words. */
    String describe(DenseShape shape) {
        ByLibrary choice = choice(shape);
        List<String> its = new ArrayList<>();
        if (choice.forward()) {
            its.add("A");
        }
        if (choice.input()) {
            its.add("dX");
        }
        if (choice.weights()) {
            its.add("dW");
        }
        return (its.isEmpty() ? "" : "cuBLAS for " + String.join(", ", its) + "; else ") + own.planOf(shape);
    }

    private DenseOps of(boolean byLibrary) {
        return byLibrary ? library : own;
    }

    @Override
    public boolean readsRows(DenseShape shape) {
        ByLibrary choice = choice(shape);
        return !choice.forward() && !choice.weights();
    }

    @Override
    public void forward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation, Tensor preActivation,
                        Tensor output) {
        DenseShape shape = DenseShape.forward(x, rows, weights, bias, activation, preActivation, output);
        of(choice(shape).forward()).forward(x, rows, weights, bias, activation, preActivation, output);
    }

    @Override
    public void backwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved, boolean accumulate,
                              Tensor inputGradient) {
        DenseShape shape = DenseShape.backwardInput(gradient, weights, below, saved, inputGradient);
        of(choice(shape).input()).backwardInput(gradient, weights, below, saved, accumulate, inputGradient);
    }

    @Override
    public void backwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate, Tensor weightGradient,
                                Tensor biasGradient, Tensor squarePartials, Tensor workspace) {
        DenseShape shape = DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient);
        of(choice(shape).weights()).backwardWeights(x, rows, gradient, accumulate, weightGradient, biasGradient,
            squarePartials, workspace);
    }

    @Override
    public void backward(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate, Tensor weightGradient,
                         Tensor biasGradient, Tensor squarePartials, Tensor workspace, Tensor weights, Activation below,
                         Tensor saved, boolean accumulateInput, Tensor inputGradient) {
        ByLibrary choice = choice(DenseShape.backwardWeights(x, rows, gradient, weightGradient, biasGradient));
        if (choice.input() == choice.weights()) {
            of(choice.input()).backward(x, rows, gradient, accumulate, weightGradient, biasGradient, squarePartials,
                workspace, weights, below, saved, accumulateInput, inputGradient);
            return;
        }
        device.beside(() -> backwardWeights(x, rows, gradient, accumulate, weightGradient, biasGradient, squarePartials,
            workspace), () -> backwardInput(gradient, weights, below, saved, accumulateInput, inputGradient));
    }

    @Override
    public boolean groups(DenseShape shape) {
        ByLibrary choice = choice(shape);
        return !choice.input() && !choice.weights() && own.groups(shape);
    }

    @Override
    public int squarePartials(DenseShape shape) {
        return of(choice(shape).weights()).squarePartials(shape);
    }

    @Override
    public long workspace(DenseShape shape) {
        return of(choice(shape).weights()).workspace(shape);
    }
}
