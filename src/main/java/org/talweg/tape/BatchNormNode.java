package org.talweg.tape;

import org.talweg.ops.StepState;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Batch normalisation; the running statistics move when the step is known to count. Micro-batches are normalised one by
 * one and each moves the running statistics, as in PyTorch.
 */
final class BatchNormNode extends NormNode {
    private final Parameter runningMean;
    private final Parameter runningVariance;
    private final float epsilon;
    private final float momentum;
    private final boolean frozen;

    /**
     * @param weight or null
     * @param bias   or null
     * @param frozen whether the running statistics are used in training too
     */
    BatchNormNode(Value input, Parameter weight, Parameter bias, Parameter runningMean, Parameter runningVariance,
                  float epsilon, float momentum, boolean frozen) {
        super("batch_norm", input, weight, bias);
        if (input.shape().rank() != 1) {
            throw new IllegalArgumentException(name() + ": batch normalisation takes rows of rank 1, not "
                + input.shape());
        }
        expectColumns(weight, bias, runningMean, runningVariance);
        this.runningMean = runningMean;
        this.runningVariance = runningVariance;
        this.epsilon = epsilon;
        this.momentum = momentum;
        this.frozen = frozen;
    }

    @Override
    void forward(Pass pass, Value output) {
        Tensor x = pass.value(input);
        Tensor w = pass.parameter(weight);
        Tensor b = pass.parameter(bias);
        boolean fromBatch = fromBatch(pass);
        Tensor mean = mean(pass, output);
        Tensor variance = variance(pass, output);
        Tensor y = pass.value(output);
        pass.emit(ops -> ops.normalisation().batchNorm(x, w, b, epsilon, fromBatch, mean, variance, y));
        if (fromBatch) {
            int rows = pass.batch();
            if (rows < 2) {
                throw new IllegalArgumentException(name() + ": batch normalisation cannot train on a batch of " + rows
                    + " row; choose a batch size that leaves no single row over");
            }
            Tensor skip = pass.step().control().view(StepState.CONTROL_SKIP, Shape.of(1));
            Tensor toMean = pass.state(runningMean);
            Tensor toVariance = pass.state(runningVariance);
            pass.emitLate(ops -> ops.normalisation().updateRunningStatistics(skip, mean, variance, rows,
                momentum, toMean, toVariance));
        }
    }

    @Override
    void backward(Pass pass, Value output) {
        Tensor gradient = pass.gradient(output);
        Tensor x = pass.value(input);
        Tensor w = pass.parameter(weight);
        boolean fromBatch = fromBatch(pass);
        Tensor mean = mean(pass, output);
        Tensor variance = variance(pass, output);
        Tensor dw = pass.parameterGradient(weight);
        Tensor db = pass.parameterGradient(bias);
        Tensor partials = pass.trains(this) ? pass.takeSquarePartials(squarePartials(pass.ops(), pass.batch())) : null;
        boolean through = pass.needsGradient(input);
        boolean accumulate = through && pass.contribute(input);
        Tensor dx = through ? pass.gradient(input) : null;
        boolean accumulateWeights = pass.accumulates();
        pass.emit(ops -> ops.normalisation().batchNormBackward(gradient, x, w, epsilon, fromBatch, mean, variance,
            accumulateWeights, dw, db, partials, accumulate, dx));
    }

    private boolean fromBatch(Pass pass) {
        return pass.isTraining() && !frozen;
    }

    private Tensor mean(Pass pass, Value output) {
        return fromBatch(pass) ? ofBatch(pass, output, "mean") : pass.state(runningMean);
    }

    private Tensor variance(Pass pass, Value output) {
        return fromBatch(pass) ? ofBatch(pass, output, "variance") : pass.state(runningVariance);
    }

    /** Each micro-batch has its own, until the step is done. */
    private Tensor ofBatch(Pass pass, Value output, String role) {
        return pass.memory().vector(name() + " " + role + " from row " + pass.firstRow(), output.id(),
            input.shape().dim(0));
    }

    @Override
    boolean differsInTraining() {
        return !frozen;
    }
}
