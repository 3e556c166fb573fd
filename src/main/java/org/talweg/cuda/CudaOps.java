package org.talweg.cuda;

import org.talweg.ops.Activation;
import org.talweg.ops.BatchRows;
import org.talweg.ops.DenseShape;
import org.talweg.ops.Ops;
import org.talweg.ops.StepState;
import org.talweg.tensor.Tensor;

/** The operations of one CUDA device, family by family; each call is one launch into the device's stream. */
final class CudaOps implements Ops {
    private final CudaDense dense;
    private final CudaActivation activations;
    private final CudaLoss loss;
    private final CudaUpdate update;
    private final CudaData data;
    private final CudaRandom random;

    CudaOps(CudaDevice device) {
        dense = new CudaDense(device);
        activations = new CudaActivation(device);
        loss = new CudaLoss(device);
        update = new CudaUpdate(device);
        data = new CudaData(device);
        random = new CudaRandom(device);
    }

    @Override
    public void denseForward(Tensor x, BatchRows rows, Tensor weights, Tensor bias, Activation activation,
                             Tensor preActivation, Tensor output) {
        dense.denseForward(x, rows, weights, bias, activation, preActivation, output);
    }

    @Override
    public void denseBackwardInput(Tensor gradient, Tensor weights, Activation below, Tensor saved, boolean accumulate,
                                   Tensor inputGradient) {
        dense.denseBackwardInput(gradient, weights, below, saved, accumulate, inputGradient);
    }

    @Override
    public void denseBackwardWeights(Tensor x, BatchRows rows, Tensor gradient, boolean accumulate,
                                     Tensor weightGradient, Tensor biasGradient, Tensor squarePartials,
                                     Tensor workspace) {
        dense.denseBackwardWeights(x, rows, gradient, accumulate, weightGradient, biasGradient, squarePartials,
            workspace);
    }

    @Override
    public int denseSquarePartials(DenseShape shape) {
        return dense.denseSquarePartials(shape);
    }

    @Override
    public long denseWorkspace(DenseShape shape) {
        return dense.denseWorkspace(shape);
    }

    @Override
    public void activationForward(Tensor input, Activation activation, Tensor output) {
        activations.activationForward(input, activation, output);
    }

    @Override
    public void activationBackward(Tensor gradient, Activation activation, Tensor saved, boolean accumulate,
                                   Tensor inputGradient) {
        activations.activationBackward(gradient, activation, saved, accumulate, inputGradient);
    }

    @Override
    public void softmaxCrossEntropy(Tensor logits, Tensor labels, BatchRows rows, float gradientScale, Tensor rowLosses,
                                    Tensor rowHits, Tensor gradient) {
        loss.softmaxCrossEntropy(logits, labels, rows, gradientScale, rowLosses, rowHits, gradient);
    }

    @Override
    public void squaredError(Tensor prediction, Tensor target, BatchRows rows, float gradientScale, Tensor rowLosses,
                             Tensor gradient) {
        loss.squaredError(prediction, target, rows, gradientScale, rowLosses, gradient);
    }

    @Override
    public void binaryCrossEntropyWithLogits(Tensor logits, Tensor target, BatchRows rows, float gradientScale,
                                             Tensor rowLosses, Tensor rowHits, Tensor gradient) {
        loss.binaryCrossEntropyWithLogits(logits, target, rows, gradientScale, rowLosses, rowHits, gradient);
    }

    @Override
    public void sumOfSquares(Tensor x, Tensor partials) {
        update.sumOfSquares(x, partials);
    }

    @Override
    public int squarePartials(long elements) {
        return update.squarePartials(elements);
    }

    @Override
    public void prepareStep(StepState state, Tensor rowLosses, Tensor rowHits, Tensor squarePartials, float maxNorm,
                            float beta1, float beta2) {
        update.prepareStep(state, rowLosses, rowHits, squarePartials, maxNorm, beta1, beta2);
    }

    @Override
    public void sgd(Tensor parameters, Tensor gradients, Tensor momentumBuffer, StepState state, float momentum,
                    float dampening, boolean nesterov, float weightDecay) {
        update.sgd(parameters, gradients, momentumBuffer, state, momentum, dampening, nesterov, weightDecay);
    }

    @Override
    public void adam(Tensor parameters, Tensor gradients, Tensor firstMoment, Tensor secondMoment, StepState state,
                     float beta1, float beta2, float epsilon, float weightDecay, boolean decoupled) {
        update.adam(parameters, gradients, firstMoment, secondMoment, state, beta1, beta2, epsilon, weightDecay,
            decoupled);
    }

    @Override
    public void gatherRows(Tensor source, BatchRows rows, Tensor destination) {
        data.gatherRows(source, rows, destination);
    }

    @Override
    public void zero(Tensor tensor) {
        data.zero(tensor);
    }

    @Override
    public void copy(Tensor source, Tensor destination) {
        data.copy(source, destination);
    }

    @Override
    public void fillUniform(Tensor tensor, long seed, long stream, float low, float high) {
        random.fillUniform(tensor, seed, stream, low, high);
    }

    @Override
    public void fillNormal(Tensor tensor, long seed, long stream, float mean, float standardDeviation) {
        random.fillNormal(tensor, seed, stream, mean, standardDeviation);
    }
}
