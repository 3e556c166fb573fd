package org.talweg.train;

import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.ops.DeviceMemoryException;
import org.talweg.tape.TrainingStep;

/**
 * Rows and programs that fit into the device together: all rows there if they do, else streamed, and only if that does not
 * help, batches cut into micro-batches. All but the last give the same bits.
 */
record StepPlan(TrainingRows rows, BatchPrograms programs) {
    private static final Logger LOG = LoggerFactory.getLogger(StepPlan.class);

    /**
     * @param step what programs work on, given the rows
     * @throws DeviceMemoryException if not even one row of a batch fits
     */
    static StepPlan of(Trainer trainer, DataLoader loader, Function<TrainingRows, TrainingStep> step) {
        Dataset data = loader.data();
        int batch = Math.min(loader.batchSize(), data.rows());
        // Two windows of one batch each must be less than all there is.
        boolean streamable = 2L * batch < data.rows();
        if (!streamable) {
            return plan(trainer, loader, step, 0, true);
        }
        long elements = (long) data.rows() * data.columns();
        if (elements * Float.BYTES <= trainer.dataMemory() && elements <= Integer.MAX_VALUE) {
            try {
                return plan(trainer, loader, step, 0, false);
            } catch (DeviceMemoryException e) {
                LOG.debug("rows are streamed, because they do not fit", e);
            }
        }
        for (int batches = RowStream.batches(data, batch, trainer.dataMemory());; batches /= 2) {
            try {
                StepPlan plan = plan(trainer, loader, step, batches, batches == 1);
                LOG.info("the {} rows of {} take {} bytes, and are streamed through the memory of {}", data.rows(), data.name(),
                    elements * Float.BYTES, trainer.model().device().name());
                return plan;
            } catch (DeviceMemoryException e) {
                if (batches == 1) {
                    throw e;
                }
            }
        }
    }

    private static StepPlan plan(Trainer trainer, DataLoader loader, Function<TrainingRows, TrainingStep> step, int batches,
                                 boolean mayCut) {
        Model model = trainer.model();
        TrainingRows rows = new TrainingRows(model, trainer.loss(), loader.data(),
            Math.min(loader.batchSize(), loader.data().rows()), batches);
        try {
            TrainingStep on = step.apply(rows);
            return new StepPlan(rows, mayCut ? BatchPrograms.plan(model, on, loader, trainer.microBatch())
                : BatchPrograms.whole(model, on, loader, trainer.microBatch()));
        } catch (RuntimeException e) {
            rows.close();
            throw e;
        }
    }
}
