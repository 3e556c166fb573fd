package org.talweg.train;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.data.DataLoader;
import org.talweg.nn.Model;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.tape.ProgramMemory;
import org.talweg.tape.StepProgram;
import org.talweg.tape.TrainingProgram;
import org.talweg.tape.TrainingStep;

/**
 * The programs of an epoch: one for a full batch, one for a smaller last one, in shared memory. A batch that does not
 * fit into the device's memory comes in micro-batches, half as large until they fit: the same step up to rounding.
 */
final class BatchPrograms implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(BatchPrograms.class);

    private final Resources resources = new Resources();
    private final int fullBatches;
    private final StepProgram full;
    private final StepProgram last;

    private BatchPrograms(Model model, TrainingStep step, DataLoader loader, int microBatch) {
        fullBatches = loader.fullBatches();
        try {
            ProgramMemory memory = resources.add(new ProgramMemory(model.device(), microBatch), ProgramMemory::close);
            full = program(model, step, memory, fullBatches > 0 ? loader.batchSize() : 0, microBatch);
            last = program(model, step, memory, loader.lastBatch(), microBatch);
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
    }

    /** @param whole for all rows at once; closed with this */
    BatchPrograms(StepProgram whole) {
        fullBatches = 1;
        full = resources.add(whole, StepProgram::close);
        last = null;
    }

    private TrainingProgram program(Model model, TrainingStep step, ProgramMemory memory, int batch, int microBatch) {
        return batch == 0 ? null : resources.add(new TrainingProgram(model.tape(), memory, batch, microBatch, step),
            TrainingProgram::close);
    }

    /**
     * @param microBatch most rows of a forward and backward pass; fewer if those do not fit
     * @throws DeviceMemoryException if not even one row fits
     */
    static BatchPrograms plan(Model model, TrainingStep step, DataLoader loader, int microBatch) {
        int batch = Math.min(loader.batchSize(), loader.data().rows());
        for (int rows = Math.min(batch, microBatch);; rows = (rows + 1) / 2) {
            try {
                BatchPrograms programs = new BatchPrograms(model, step, loader, rows);
                if (rows < Math.min(batch, microBatch)) {
                    LOG.warn("a batch of {} rows does not fit into the memory of {}; its gradients are added up over "
                        + "micro-batches of {}", batch, model.device().name(), rows);
                }
                return programs;
            } catch (DeviceMemoryException e) {
                if (rows == 1) {
                    throw e;
                }
            }
        }
    }

    /**
     * As above, but never fewer rows than {@code microBatch}.
     *
     * @throws DeviceMemoryException if they do not fit
     */
    static BatchPrograms whole(Model model, TrainingStep step, DataLoader loader, int microBatch) {
        return new BatchPrograms(model, step, loader, Math.min(Math.min(loader.batchSize(), loader.data().rows()), microBatch));
    }

    StepProgram of(int batch) {
        return batch < fullBatches ? full : last;
    }

    @Override
    public void close() {
        resources.close();
    }
}
