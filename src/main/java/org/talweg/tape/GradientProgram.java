package org.talweg.tape;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * Forward, loss and backward over one batch, planned once, run many times: a training step without its update, for
 * looking at gradients. It reads the parameters as they then are and changes none. It computes as in prediction, without
 * dropout and with running statistics, so that each row has a loss of its own.
 */
public final class GradientProgram {
    private final List<Runnable> operations;
    private final Pass pass;
    private final Tensor rowLosses;
    private final Tensor rowHits;

    /**
     * @param parameters flat
     * @param states     flat, or null if the tape has none
     * @param gradients  flat, of the same layout: receives this batch's part of the gradient of the mean over {@code count} rows
     * @param frozen     whose gradients are left alone
     * @param features   [batch×input row]
     * @param targets    [batch×target row]
     * @param loss       prepared over all {@code count} rows with {@link ProgramMemory#of}, if it {@link Loss#isPrepared}
     * @param count      rows that are reduced together: the batch's, or those of all batches it is one of
     * @throws IllegalArgumentException if the tape has nothing to train
     */
    public GradientProgram(Tape tape, ProgramMemory memory, Tensor parameters, Tensor states, Tensor gradients,
                           Set<Parameter> frozen, Tensor features, Tensor targets, Loss loss, int count) {
        Value output = tape.output();
        int batch = features.dim(0);
        pass = new Pass(tape, memory, batch, parameters, states, gradients, frozen, features);
        pass.forward();
        rowLosses = memory.tensor("row losses", 0, Shape.of(), batch);
        rowHits = loss.hasHits() ? memory.tensor("row hits", 0, Shape.of(), batch) : null;
        Tensor prediction = pass.value(output);
        Tensor gradient = pass.gradient(output);
        Tensor own = memory.of(loss, output.shape());
        Runnable planned = loss.plan(pass.ops(), prediction, targets, null, count, own, rowLosses, rowHits, gradient);
        pass.emit(ops -> planned.run());
        pass.backward();
        operations = new ArrayList<>(pass.operations());
    }

    public void run() {
        operations.forEach(Runnable::run);
    }

    /** [batch], of the last run. */
    public Tensor rowLosses() {
        return rowLosses;
    }

    /** [batch], of the last run; null where the loss has none. */
    public Tensor rowHits() {
        return rowHits;
    }

    /** What the last run computed for a result of the tape; the output may since hold its own gradient. */
    public Tensor value(Value value) {
        return pass.value(value);
    }

    /** The gradient of a result in the last run: of the pre-activation, where an activation is fused into it. */
    public Tensor gradient(Value value) {
        return pass.gradient(value);
    }
}
