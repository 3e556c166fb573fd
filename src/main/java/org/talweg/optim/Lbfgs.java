package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.tensor.Tensor;

/**
 * L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and 3.5), for losses over all data at once: a loss that changes from
 * call to call, as with mini-batches, misleads it. Settings, defaults and rules for stopping are those of PyTorch's
 * {@code torch.optim.LBFGS}, but for the line search, which is on unless switched off.
 *
 * <p>It decides on the host what to evaluate next, so it cannot be part of a recorded step: a {@link Minimizer} calls an
 * {@link Objective}. Vectors stay on the device; dot products come back. A trainer whose batch is all rows does so by
 * itself, one call of {@link Minimizer#step} an epoch.
 *
 * @param learningRate      the first step tried, and without a line search every step
 * @param maxIterations     of one call of {@link Minimizer#step}
 * @param maxEvaluations    of one call; no further iteration begins after so many
 * @param gradientTolerance ends where no gradient is larger
 * @param changeTolerance   ends where neither parameters nor loss change more
 * @param history           pairs of steps and gradient changes that are kept: two vectors each
 * @param lineSearch        for the strong Wolfe conditions
 */
public record Lbfgs(float learningRate, int maxIterations, int maxEvaluations, double gradientTolerance,
                    double changeTolerance, int history, boolean lineSearch) implements Optimizer {

    /** A loss and its gradient at any point. */
    @FunctionalInterface
    public interface Objective {
        /**
         * Returns the loss at {@code parameters}, and overwrites {@code gradients} with its gradient.
         *
         * @param gradients of the parameters' shape
         */
        double evaluate(Tensor parameters, Tensor gradients);
    }

    public Lbfgs {
        Checks.aboveZero("learning rate", learningRate);
        if (maxIterations < 1 || maxEvaluations < 1 || history < 1) {
            throw new IllegalArgumentException(maxIterations + " iterations, " + maxEvaluations + " evaluations and "
                + history + " pairs of history; each must be at least 1");
        }
        if (!(gradientTolerance >= 0 && changeTolerance >= 0)) {
            throw new IllegalArgumentException("tolerances are " + gradientTolerance + " and " + changeTolerance
                + "; they must be at least 0");
        }
    }

    public Lbfgs learningRate(float value) {
        return new Lbfgs(value, maxIterations, maxEvaluations, gradientTolerance, changeTolerance, history, lineSearch);
    }

    /** Also sets the evaluations to 5/4 of that. */
    public Lbfgs maxIterations(int value) {
        return new Lbfgs(learningRate, value, Math.max(1, value * 5 / 4), gradientTolerance, changeTolerance, history,
            lineSearch);
    }

    public Lbfgs maxEvaluations(int value) {
        return new Lbfgs(learningRate, maxIterations, value, gradientTolerance, changeTolerance, history, lineSearch);
    }

    public Lbfgs tolerances(double gradient, double change) {
        return new Lbfgs(learningRate, maxIterations, maxEvaluations, gradient, change, history, lineSearch);
    }

    public Lbfgs history(int value) {
        return new Lbfgs(learningRate, maxIterations, maxEvaluations, gradientTolerance, changeTolerance, value,
            lineSearch);
    }

    public Lbfgs lineSearch(boolean value) {
        return new Lbfgs(learningRate, maxIterations, maxEvaluations, gradientTolerance, changeTolerance, history, value);
    }

    @Override
    public float momentum() {
        return 0;
    }

    /**
     * @throws IllegalArgumentException always: what is to be climbed can be negated in the objective
     */
    @Override
    public Optimizer maximize() {
        throw new IllegalArgumentException("L-BFGS minimises; give it the negative of the function, or choose another "
            + "optimizer");
    }

    /**
     * A {@link Minimizer}, for frozen parameters too: they have no gradient, and so no part in any direction.
     *
     * @throws IllegalArgumentException if there is clipping, or a learning rate or weight decay of a parameter's own
     */
    @Override
    public State newState(Device device, ParameterLayout layout, Clip clip) {
        if (!clip.equals(Clip.none())) {
            throw new IllegalArgumentException("L-BFGS takes the gradient as it is, because its line search bounds the step; "
                + "leave clipping out, not " + clip);
        }
        if (!layout.hasOneTreatment()) {
            throw new IllegalArgumentException("L-BFGS treats all parameters alike that are not frozen; leave learning-rate "
                + "and weight-decay multipliers out");
        }
        return minimizer(device, layout.length());
    }

    /** Fresh state for parameters of so many elements; the caller closes it. */
    public Minimizer minimizer(Device device, long length) {
        return new Minimizer(this, device, length);
    }
}
