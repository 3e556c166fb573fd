package org.talweg.tape;

import java.util.ArrayList;
import java.util.List;
import org.talweg.ops.BatchRows;
import org.talweg.ops.Ops;
import org.talweg.ops.Recording;
import org.talweg.ops.StepState;
import org.talweg.tensor.Tensor;

/**
 * One training step for one batch size, planned and recorded once, replayed many times: forward, loss with its
 * gradient, backward, {@link Update}. For L dense layers and an optimizer of one launch that is 2L + 3 operations, fewer
 * where layers are frozen, and 4 where {@link TrainingStep#fusion} lets a narrow network's forward and backward be one
 * kernel. Whatever changes from step to step is read from the {@link StepState}; a run allocates nothing and waits for nothing.
 *
 * <p>A batch may come in micro-batches, whose gradients are added up before the one update: the same step up to
 * rounding, in the memory of a micro-batch.
 */
public final class TrainingProgram implements StepProgram {
    private final int batch;
    private final boolean isFused;
    private final Recording recording;

    /** A program that takes its batch at once. */
    public TrainingProgram(Tape tape, ProgramMemory memory, int batch, TrainingStep step) {
        this(tape, memory, batch, batch, step);
    }

    /**
     * @param memory     where results and their gradients lie; may serve other programs of the same tape
     * @param microBatch rows of each forward and backward pass; the last may have fewer
     * @throws IllegalArgumentException if the tape has nothing to train
     */
    public TrainingProgram(Tape tape, ProgramMemory memory, int batch, int microBatch, TrainingStep step) {
        if (microBatch < 1) {
            throw new IllegalArgumentException("micro-batches of " + microBatch + " rows; at least 1 is needed");
        }
        this.batch = batch;
        Tensor rowLosses = memory.own("row losses", batch);
        Tensor rowHits = step.loss().hasHits() ? memory.own("row hits", batch) : null;
        List<Runnable> operations = new ArrayList<>();
        List<Runnable> lateOperations = new ArrayList<>();
        Loss loss = step.loss();
        Ops ops = memory.device().ops();
        if (loss.isPrepared()) {
            Tensor own = memory.of(loss, tape.output().shape());
            BatchRows all = step.rows(0);
            operations.add(() -> loss.prepare(ops, step.targets(), all, batch, own));
        }
        FusedStep fused = FusedStep.plan(tape, memory, batch, microBatch, step, rowLosses, rowHits);
        isFused = fused != null;
        BatchResult result;
        if (fused != null) {
            operations.add(fused::run);
            result = new BatchResult(rowLosses, rowHits, fused.squarePartials(), true);
        } else {
            result = layers(tape, memory, microBatch, step, rowLosses, rowHits, operations, lateOperations);
        }
        operations.add(() -> step.update().apply(ops, step.parameters(), step.gradients(), result, step.state()));
        operations.addAll(lateOperations);
        recording = memory.device().record(() -> operations.forEach(Runnable::run));
    }

    private BatchResult layers(Tape tape, ProgramMemory memory, int microBatch, TrainingStep step, Tensor rowLosses,
                               Tensor rowHits, List<Runnable> operations, List<Runnable> lateOperations) {
        Pass last = null;
        for (int first = 0; first < batch; first += microBatch) {
            int end = Math.min(batch, first + microBatch);
            BatchRows rows = step.rows(first);
            Pass pass = new Pass(tape, memory, end - first, step.parameters(), step.states(), step.gradients(),
                step.frozen(), step.features(), rows, first, step.state());
            pass.forward();
            emitLoss(pass, tape.output(), step, rows, batch, rowLosses.rows(first, end),
                rowHits == null ? null : rowHits.rows(first, end));
            pass.backward();
            operations.addAll(pass.operations());
            lateOperations.addAll(pass.lateOperations());
            last = pass;
        }
        // Squares are of the sums, so those of the last micro-batch are complete.
        return new BatchResult(rowLosses, rowHits, last.squarePartials(), last.isTrainedOnly());
    }

    private static void emitLoss(Pass pass, Value output, TrainingStep step, BatchRows rows, int batch,
                                 Tensor rowLosses, Tensor rowHits) {
        Tensor prediction = pass.value(output);
        Tensor gradient = pass.gradient(output);
        Loss loss = step.loss();
        Tensor own = pass.memory().of(loss, output.shape());
        Runnable planned = loss.plan(pass.ops(), prediction, step.targets(), rows, batch, own, rowLosses, rowHits, gradient);
        pass.emit(ops -> planned.run());
    }

    @Override
    public int batch() {
        return batch;
    }

    /** Whether forward, loss and backward are one kernel. */
    public boolean isFused() {
        return isFused;
    }

    @Override
    public void run() {
        recording.replay();
    }

    @Override
    public void close() {
        recording.close();
    }
}
