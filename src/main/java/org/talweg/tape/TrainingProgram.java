package org.talweg.tape;

import java.util.List;
import org.talweg.ops.BatchRows;
import org.talweg.ops.Recording;
import org.talweg.ops.StepState;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * One training step for one batch size, planned and recorded once, replayed many times: forward, loss with its
 * gradient, backward, {@link org.talweg.ops.UpdateOps#prepareStep}, update. For L dense layers that is 3L + 2
 * operations. Whatever changes from step to step is read from the {@link StepState}; a run allocates nothing and waits
 * for nothing.
 */
public final class TrainingProgram implements AutoCloseable {
    private final int batch;
    private final Recording recording;

    /**
     * @param memory where results and their gradients lie; may serve other programs of the same tape
     * @throws IllegalArgumentException if the tape has nothing to train
     */
    public TrainingProgram(Tape tape, ProgramMemory memory, int batch, TrainingStep step) {
        if (!tape.output().needsGradient()) {
            throw new IllegalArgumentException("there is nothing to train: " + tape.output()
                + " depends on no parameter");
        }
        this.batch = batch;
        BatchRows rows = step.rows();
        Pass pass = new Pass(tape, memory, batch, step.parameters(), step.gradients(), step.features(), rows);
        pass.forward();
        Tensor rowLosses = memory.tensor("row losses", 0, Shape.of(), batch);
        Tensor rowHits = step.loss().hasHits() ? memory.tensor("row hits", 0, Shape.of(), batch) : null;
        emitLoss(pass, tape.output(), step, rows, rowLosses, rowHits);
        pass.backward();
        emitUpdate(pass, step, rowLosses, rowHits);
        List<Runnable> operations = pass.operations();
        recording = memory.device().record(() -> operations.forEach(Runnable::run));
    }

    private static void emitLoss(Pass pass, Value output, TrainingStep step, BatchRows rows, Tensor rowLosses,
                                 Tensor rowHits) {
        Tensor prediction = pass.value(output);
        Tensor gradient = pass.gradient(output);
        float meanOverRows = 1f / pass.batch();
        pass.emit(ops -> step.loss().apply(ops, prediction, step.targets(), rows, meanOverRows, rowLosses, rowHits,
            gradient));
    }

    private static void emitUpdate(Pass pass, TrainingStep step, Tensor rowLosses, Tensor rowHits) {
        Tensor squarePartials = pass.squarePartials();
        StepState state = step.state();
        Update update = step.update();
        pass.emit(ops -> ops.update().prepareStep(state, rowLosses, rowHits, squarePartials, step.maxNorm(), update.beta1(),
            update.beta2()));
        pass.emit(ops -> update.apply(ops, step.parameters(), step.gradients(), state));
    }

    /** Rows that one run consumes. */
    public int batch() {
        return batch;
    }

    /** One step; on a GPU asynchronous. */
    public void run() {
        recording.replay();
    }

    @Override
    public void close() {
        recording.close();
    }
}
