package org.talweg.train;

import java.util.ArrayList;
import java.util.List;
import org.talweg.data.DataLoader;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.StepState;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Schedule;
import org.talweg.tape.ProgramMemory;
import org.talweg.tape.TrainingProgram;
import org.talweg.tape.TrainingStep;
import org.talweg.tensor.DType;
import org.talweg.tensor.Shape;
import org.talweg.tensor.Tensor;

/**
 * One call of {@link Trainer#fit}: owns everything it needs on the device. An epoch runs in chunks of steps; the host
 * touches the device before a chunk, to fill the table of learning rates, and after it, to read the log.
 */
final class TrainingRun implements AutoCloseable {
    /** Most steps between two readings of the log. */
    static final int CHUNK = 256;

    private final Resources resources = new Resources();
    private final Trainer trainer;
    private final Device device;
    private final DataLoader loader;
    private final int epochs;
    private final StepState state;
    private final Tensor iteration;
    private final Tensor order;
    private final TrainingProgram fullBatch;
    private final TrainingProgram lastBatch;
    private final Evaluator validation;
    private final float[] rates;
    private final float[] log;
    private Schedule schedule;
    private long stepsDone;

    TrainingRun(Trainer trainer, DataLoader train, DataLoader valid, int epochs) {
        this.trainer = trainer;
        this.schedule = trainer.schedule();
        this.loader = train;
        this.epochs = epochs;
        Model model = trainer.model();
        device = model.device();
        int rows = train.data().rows();
        int chunk = Math.min(CHUNK, train.batches());
        rates = new float[chunk];
        log = new float[chunk * StepState.LOG_COLUMNS];
        try {
            DeviceData data = DeviceData.upload(resources, model, trainer.loss(), train.data());
            order = tensor(DType.INT32, Shape.of(rows), "epoch order");
            state = new StepState(
                tensor(DType.INT32, Shape.of(StepState.COUNTERS), "step counters"),
                tensor(DType.FLOAT32, Shape.of(StepState.CONTROLS), "step control"),
                tensor(DType.FLOAT32, Shape.of(chunk), "learning rates"),
                tensor(DType.FLOAT32, Shape.of(chunk, StepState.LOG_COLUMNS), "step log"));
            iteration = state.counters().view(StepState.COUNTER_ITERATION, Shape.of(1));
            Tensor gradients = tensor(DType.FLOAT32, model.parameters().shape(), "gradients");
            Optimizer.State update = resources.add(
                trainer.optimizer().newState(device, model.parameters().elements()), Optimizer.State::close);
            TrainingStep step = new TrainingStep(model.parameters(), gradients, data.features(), data.targets(), order,
                state, trainer.loss(), update, trainer.clip().maxNorm());
            ProgramMemory memory = resources.add(new ProgramMemory(device, Math.min(rows, train.batchSize())),
                ProgramMemory::close);
            fullBatch = train.fullBatches() > 0 ? program(memory, train.batchSize(), step) : null;
            lastBatch = train.lastBatch() > 0 ? program(memory, train.lastBatch(), step) : null;
            validation = valid == null ? null
                : resources.add(new Evaluator(model, trainer.loss(), valid), Evaluator::close);
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
    }

    private Tensor tensor(DType dtype, Shape shape, String purpose) {
        return resources.tensor(device, dtype, shape, purpose);
    }

    private TrainingProgram program(ProgramMemory memory, int batch, TrainingStep step) {
        return resources.add(new TrainingProgram(trainer.model().tape(), memory, batch, step), TrainingProgram::close);
    }

    TrainingResult fit() {
        List<EpochMetrics> history = new ArrayList<>();
        trainer.listeners().forEach(listener -> listener.onTrainBegin(trainer, epochs, loader.batches()));
        String stopReason = "all " + epochs + " epochs done";
        for (int epoch = 1; epoch <= epochs; epoch++) {
            EpochMetrics metrics = epoch(epoch);
            history.add(metrics);
            schedule = schedule.afterEpoch(
                new Schedule.At(stepsDone - 1, (long) epochs * loader.batches(), loader.batches()), metrics::get);
            trainer.listeners().forEach(listener -> listener.onEpochEnd(metrics));
            if (metrics.skippedSteps() == metrics.steps()) {
                stopReason = "in epoch " + epoch + " every step was skipped, because no gradient was finite; "
                    + "try a lower learning rate, clipping, or scaled features";
                break;
            }
        }
        TrainingResult result = new TrainingResult(history, stopReason);
        trainer.listeners().forEach(listener -> listener.onTrainEnd(result));
        return result;
    }

    private EpochMetrics epoch(int epoch) {
        long start = System.nanoTime();
        device.upload(loader.order(epoch), order);
        device.upload(new int[] {0}, state.cursor());
        EpochSums sums = new EpochSums();
        for (int done = 0; done < loader.batches(); ) {
            int count = Math.min(rates.length, loader.batches() - done);
            List<StepMetrics> steps = chunk(epoch, done, count);
            steps.forEach(sums::add);
            trainer.listeners().forEach(listener -> listener.onSteps(steps));
            done += count;
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        Evaluation valid = validation == null ? new Evaluation(Double.NaN, Double.NaN, 0) : validation.run();
        return new EpochMetrics(epoch, sums.loss(), sums.accuracy(), valid.loss(), valid.accuracy(),
            sums.gradientNorm(), sums.learningRate, loader.batches(), sums.skipped, loader.data().rows() / seconds);
    }

    /** Runs {@code count} steps from batch {@code first} of the epoch on. */
    private List<StepMetrics> chunk(int epoch, int first, int count) {
        long total = (long) epochs * loader.batches();
        for (int i = 0; i < count; i++) {
            rates[i] = (float) schedule.rate(new Schedule.At(stepsDone + i, total, loader.batches()));
        }
        device.upload(rates, state.learningRates());
        device.upload(new int[] {0}, iteration);
        for (int i = first; i < first + count; i++) {
            program(i).run();
        }
        device.download(state.log(), log);
        List<StepMetrics> steps = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int row = i * StepState.LOG_COLUMNS;
            steps.add(new StepMetrics(stepsDone + i, epoch, program(first + i).batch(), log[row + StepState.LOG_LOSS],
                log[row + StepState.LOG_HITS], log[row + StepState.LOG_GRADIENT_NORM], rates[i],
                log[row + StepState.LOG_SKIPPED] != 0));
        }
        stepsDone += count;
        return steps;
    }

    private TrainingProgram program(int batch) {
        return batch < loader.fullBatches() ? fullBatch : lastBatch;
    }

    @Override
    public void close() {
        resources.close();
    }

    /** Running sums of an epoch, over the steps that were taken. */
    private static final class EpochSums {
        private double losses;
        private double hits;
        private double norms;
        private long rows;
        private int taken;
        private int skipped;
        private float learningRate;

        void add(StepMetrics step) {
            learningRate = step.learningRate();
            if (step.skipped()) {
                skipped++;
                return;
            }
            losses += (double) step.loss() * step.rows();
            hits += (double) step.accuracy() * step.rows();
            norms += step.gradientNorm();
            rows += step.rows();
            taken++;
        }

        double loss() {
            return losses / rows;
        }

        double accuracy() {
            return hits / rows;
        }

        double gradientNorm() {
            return norms / taken;
        }
    }
}
