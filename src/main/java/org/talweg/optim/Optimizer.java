package org.talweg.optim;

import org.talweg.ops.Device;
import org.talweg.tape.Update;

/**
 * The specification of an optimizer: immutable, shared freely. What it remembers from step to step is a {@link State}
 * of its own.
 */
public interface Optimizer {

    /** The rate that a trainer without a schedule uses. */
    float learningRate();

    /** The momentum, β₁ for Adam's kin, that a trainer uses whose schedule leaves it alone; 0 where there is none. */
    float momentum();

    /**
     * The same, climbing: it takes the negative of each gradient for the gradient, after clipping and before weight decay,
     * as PyTorch's {@code maximize=True}. Nothing is computed for it; the clip factor has a sign.
     */
    default Optimizer maximize() {
        return new Maximizing(this);
    }

    /** Fresh state for parameters of this layout, whose gradients are clipped so. */
    State newState(Device device, ParameterLayout layout, Clip clip);

    /** Buffers of the parameters' layout, such as moments, and the update that uses them. The creator closes it. */
    interface State extends Update, AutoCloseable {

        /**
         * Where the optimizer trains at another point than the one that is good, puts the good one into the
         * parameters: to be called before a model is evaluated or saved. Most do nothing.
         */
        default void beforeEvaluation() {
        }

        /** Puts the point to train at back, bit for bit; to be called after each {@link #beforeEvaluation}. */
        default void afterEvaluation() {
        }

        /** What the next step depends on, beside the parameters and the {@link org.talweg.ops.StepState}. */
        SavedState save();

        /**
         * Goes on from there, bit for bit.
         *
         * @throws IllegalArgumentException if it is the state of another optimizer, or of other parameters
         */
        void restore(SavedState saved);

        @Override
        void close();
    }
}
