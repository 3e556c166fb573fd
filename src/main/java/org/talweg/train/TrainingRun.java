package org.talweg.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.talweg.data.DataLoader;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.StepState;
import org.talweg.optim.Minimizer;
import org.talweg.optim.Optimizer;
import org.talweg.optim.ParameterLayout;
import org.talweg.optim.Schedule;
import org.talweg.tape.Parameter;
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
    private static final Logger LOG = LoggerFactory.getLogger(TrainingRun.class);
    private static final Evaluation NO_EVALUATION = new Evaluation(Double.NaN, Double.NaN, 0, Map.of());

    private final Resources resources = new Resources();
    private final Trainer trainer;
    private final Device device;
    private final DataLoader loader;
    private final int epochs;
    private final StepState state;
    private final Optimizer.State update;
    private final TrainingRows rows;
    private final BatchPrograms programs;
    private final Evaluator validation;
    private final float[] rates;
    private final float[] log;
    private final BestParameters best;
    private final Stop.Watch watch;
    private final Duration maxTime;
    private final long totalSteps;
    private final RunMemory memory;
    private final List<EpochMetrics> history = new ArrayList<>();
    private Schedule schedule;
    private ToDoubleFunction<String> finished = name -> Double.NaN;
    private long began;
    private long epochBegan;
    /** Of the epoch in progress; null between two. */
    private EpochSums sums;
    private long stepsDone;
    private long skipped;
    /** Why the run ends within an epoch, once it does. */
    private String early;
    private boolean interrupted;

    TrainingRun(Trainer trainer, DataLoader train, DataLoader valid, int epochs) {
        this.trainer = trainer;
        this.schedule = trainer.schedule();
        this.loader = train;
        this.epochs = epochs;
        watch = trainer.stop().watch();
        maxTime = trainer.stop().maxTime();
        totalSteps = Math.min((long) epochs * train.batches(), trainer.stop().maxSteps());
        Model model = trainer.model();
        device = model.device();
        int chunk = Math.min(CHUNK, train.batches());
        rates = new float[chunk * StepState.SCHEDULE_COLUMNS];
        log = new float[chunk * StepState.LOG_COLUMNS];
        try {
            state = resources.add(StepState.allocate(device, chunk), StepState::close);
            Tensor gradients = tensor(DType.FLOAT32, model.parameters().shape(), "gradients");
            ParameterLayout layout = ParameterLayout.of(model.tape(), trainer.parameterGroups());
            update = resources.add(trainer.optimizer().newState(device, layout, trainer.clip()),
                Optimizer.State::close);
            Set<Parameter> frozen = trainer.parameterGroups().frozen(model.tape().parameters());
            validation = valid == null ? null
                : resources.add(new Evaluator(model, trainer.loss(), trainer.metrics(), valid, trainer.dataMemory()),
                Evaluator::close);
            best = trainer.restores() == null ? null : new BestParameters(resources, model, trainer.restores());
            StepPlan plan = update instanceof Minimizer minimizer ? fullBatch(minimizer, frozen)
                : StepPlan.of(trainer, train, on -> new TrainingStep(model.parameters(), model.states(), gradients,
                    on.data().features(), on.data().targets(), on.order(), state, trainer.loss(), update, frozen,
                    trainer.fusion()));
            rows = resources.add(plan.rows(), TrainingRows::close);
            programs = resources.add(plan.programs(), BatchPrograms::close);
            memory = new RunMemory(trainer, train, state, update, best);
        } catch (RuntimeException e) {
            resources.close();
            throw e;
        }
    }

    private StepPlan fullBatch(Minimizer minimizer, Set<Parameter> frozen) {
        Model model = trainer.model();
        int rows = loader.data().rows();
        if (loader.batches() > 1) {
            throw new IllegalArgumentException("L-BFGS needs the loss of all " + rows + " rows, not of batches of "
                + loader.batchSize() + "; use DataLoader.of(data, data.rows()), or another optimizer");
        }
        List<String> different = model.tape().differentInTraining();
        if (!different.isEmpty()) {
            throw new IllegalArgumentException("L-BFGS must see the same function at each call, and training changes "
                + String.join(", ", different) + " from step to step; leave that out, or use another optimizer");
        }
        long bytes = (long) rows * loader.data().columns() * Float.BYTES;
        if (bytes > trainer.dataMemory()) {
            throw new IllegalArgumentException("L-BFGS needs all rows on the device, which take " + bytes + " bytes, and "
                + trainer.dataMemory() + " are allowed for data; allow more, or use another optimizer");
        }
        TrainingRows all = new TrainingRows(model, trainer.loss(), loader.data(), rows, 0);
        try {
            FullBatch objective = new FullBatch(model, trainer.loss(), rows,
                Math.min(trainer.microBatch(), FullBatch.ROWS), frozen, own -> all.data());
            return new StepPlan(all, new BatchPrograms(new FullBatchProgram(model, minimizer, objective, state, rows)));
        } catch (RuntimeException e) {
            all.close();
            throw e;
        }
    }

    private Tensor tensor(DType dtype, Shape shape, String purpose) {
        return resources.tensor(device, dtype, shape, purpose);
    }

    /** @param from where to go on, or null for a new run */
    TrainingResult fit(Checkpoint from) {
        String stopReason = null;
        if (from == null) {
            trainer.listeners().forEach(listener -> listener.onTrainBegin(trainer, epochs, loader.batches()));
            began = System.nanoTime();
        } else {
            stopReason = resume(from);
        }
        for (int epoch = history.size() + 1; stopReason == null && epoch <= epochs; epoch++) {
            EpochMetrics metrics = epoch(epoch);
            finish(metrics);
            if (best != null) {
                best.offer(epoch, finished.applyAsDouble(best.metric()));
            }
            trainer.listeners().forEach(listener -> listener.onEpochEnd(metrics));
            stopReason = reason(epoch, metrics);
            if (!interrupted) {
                tell(true, stopReason != null || epoch == epochs);
            }
        }
        TrainingResult result = new TrainingResult(history,
            stopReason == null ? "all " + epochs + " epochs done" : stopReason, best == null ? 0 : best.restore());
        trainer.listeners().forEach(listener -> listener.onTrainEnd(result));
        return result;
    }

    /** Shows schedule, criteria and best parameters the epochs before; why the run had ended with them, or null. */
    private String resume(Checkpoint from) {
        JsonNode root = from.numbers();
        began = System.nanoTime() - root.path("nanoseconds").asLong();
        String stopReason = null;
        for (EpochMetrics metrics : RunMemory.history(from)) {
            stepsDone += metrics.steps();
            skipped += metrics.skippedSteps();
            finish(metrics);
            if (best != null) {
                best.isBest(metrics.epoch(), finished.applyAsDouble(best.metric()));
            }
            stopReason = criterion(metrics.epoch(), metrics);
        }
        stepsDone = from.steps();
        memory.restore(from);
        compareLength(from);
        if (root.has("epoch")) {
            sums = EpochSums.of(root.path("epoch"));
            skipped += sums.skipped();
            epochBegan = System.nanoTime() - root.path("epoch").path("nanoseconds").asLong();
        }
        trainer.listeners().forEach(listener -> listener.onResume(trainer, epochs, loader.batches(),
            new Now(sums == null, false)));
        memory.restoreListeners(from);
        return stopReason;
    }

    /** A schedule that knows the run's length takes the new one from here on: no run had these rates from the start. */
    private void compareLength(Checkpoint from) {
        long planned = from.numbers().path("planned_steps").asLong(totalSteps);
        for (long step = 0; planned != totalSteps && step < stepsDone; step++) {
            Schedule.At then = new Schedule.At(step, planned, loader.batches());
            Schedule.At now = new Schedule.At(step, totalSteps, loader.batches());
            if ((float) schedule.rate(then) != (float) schedule.rate(now) || momentum(then) != momentum(now)) {
                LOG.warn("{}: the run was to have {} steps and now has {}; the schedule of its learning rate takes the new "
                    + "length from here on, so it will not end like a run that had it from the start", from.path(), planned,
                    totalSteps);
                return;
            }
        }
    }

    private void finish(EpochMetrics metrics) {
        history.add(metrics);
        finished = name -> value(metrics, name);
        schedule = schedule.afterEpoch(new Schedule.At(stepsDone - 1, totalSteps, loader.batches()), finished);
    }

    private void tell(boolean epochEnd, boolean ending) {
        Now now = new Now(epochEnd, ending);
        trainer.listeners().forEach(listener -> listener.onState(now));
    }

    /** An epoch, or what is left of it where the run goes on within. */
    private EpochMetrics epoch(int epoch) {
        rows.begin(loader.order(epoch), sums == null ? 0 : sums.steps());
        if (sums == null) {
            sums = new EpochSums();
            epochBegan = System.nanoTime();
            if (epoch > 1) {
                update.afterEvaluation();
            }
            device.upload(new int[] {0}, state.cursor());
        }
        while (sums.steps() < loader.batches() && early == null) {
            List<StepMetrics> steps = chunk(epoch, sums.steps());
            sums.add(steps);
            trainer.listeners().forEach(listener -> listener.onSteps(steps));
            skipped += steps.stream().filter(StepMetrics::skipped).count();
            interrupted = trainer.stopRequested();
            early = interrupted ? "interrupted in epoch " + epoch + ", after step " + stepsDone
                : watch.check(now(epoch, false)).orElse(null);
            if (interrupted || sums.steps() < loader.batches()) {
                tell(false, interrupted);
            }
        }
        EpochSums done = sums;
        sums = null;
        double seconds = (System.nanoTime() - epochBegan) / 1e9;
        // The model stays where it is good until the next epoch, for listeners that save it.
        update.beforeEvaluation();
        // Whoever interrupts is waiting: no validation then.
        Evaluation valid = validation == null || interrupted ? NO_EVALUATION : validation.run();
        Map<String, Double> metrics = new LinkedHashMap<>();
        valid.metrics().forEach((name, value) -> metrics.put("val_" + name, value));
        return new EpochMetrics(epoch, done.loss(), done.accuracy(), valid.loss(), valid.accuracy(),
            done.gradientNorm(), done.learningRate(), done.steps(), done.skipped(), done.rows() / seconds, metrics);
    }

    /** Runs steps from batch {@code first} of the epoch on, as many as the tables hold, the epoch has, and may be. */
    private List<StepMetrics> chunk(int epoch, int first) {
        int asked = trainer.listeners().stream().mapToInt(Listener::stepsUntilReport).min().orElse(Integer.MAX_VALUE);
        int most = (int) Math.min(Math.min(Math.min(state.capacity(), asked), loader.batches() - first),
            totalSteps - stepsDone);
        for (int i = 0; i < most; i++) {
            Schedule.At at = new Schedule.At(stepsDone + i, totalSteps, loader.batches());
            int row = i * StepState.SCHEDULE_COLUMNS;
            rates[row + StepState.SCHEDULE_LEARNING_RATE] = (float) schedule.rate(at);
            rates[row + StepState.SCHEDULE_MOMENTUM] = momentum(at);
        }
        device.upload(rates, state.schedule());
        device.upload(new int[] {0}, state.iteration());
        int count = 0;
        do {
            rows.before(first + count);
            programs.of(first + count).run();
            count++;
        } while (count < most && !trainer.stopRequested() && !timeIsUp());
        device.download(state.log(), log);
        List<StepMetrics> steps = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            int row = i * StepState.LOG_COLUMNS;
            steps.add(new StepMetrics(stepsDone + i, epoch, programs.of(first + i).batch(), log[row + StepState.LOG_LOSS],
                log[row + StepState.LOG_HITS], log[row + StepState.LOG_GRADIENT_NORM],
                rates[i * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_LEARNING_RATE],
                log[row + StepState.LOG_SKIPPED] != 0));
        }
        stepsDone += count;
        return steps;
    }

    private float momentum(Schedule.At at) {
        double momentum = schedule.momentum(at);
        float own = trainer.optimizer().momentum();
        if (own == 0 && momentum > 0) {
            throw new IllegalArgumentException("the schedule moves the momentum, and " + trainer.optimizer()
                + " has none; give it some, or leave the momentum out of the schedule");
        }
        return Double.isNaN(momentum) ? own : (float) momentum;
    }

    private String reason(int epoch, EpochMetrics metrics) {
        if (early != null) {
            return early;
        }
        String criterion = criterion(epoch, metrics);
        return criterion == null && trainer.stopRequested() ? "interrupted after epoch " + epoch : criterion;
    }

    private String criterion(int epoch, EpochMetrics metrics) {
        if (metrics.skippedSteps() == metrics.steps()) {
            return "in epoch " + epoch + " every step was skipped, because no gradient was finite; "
                + "try a lower learning rate, clipping, or scaled features";
        }
        return watch.check(now(epoch, true)).orElse(null);
    }

    private Stop.Now now(int epoch, boolean ended) {
        return new Stop.Now(finished, epoch, ended, stepsDone, skipped, Duration.ofNanos(System.nanoTime() - began));
    }

    private boolean timeIsUp() {
        return maxTime != null && System.nanoTime() - began >= maxTime.toNanos();
    }

    private double value(EpochMetrics metrics, String name) {
        if (validation == null && name.startsWith("val_")) {
            throw new IllegalArgumentException(name + " needs validation rows; give fit() some, or follow another metric");
        }
        return metrics.get(name);
    }

    /** The run as listeners see it. */
    private final class Now implements RunState {
        private final boolean epochEnd;
        private final boolean ending;

        Now(boolean epochEnd, boolean ending) {
            this.epochEnd = epochEnd;
            this.ending = ending;
        }

        @Override
        public List<EpochMetrics> history() {
            return Collections.unmodifiableList(history);
        }

        @Override
        public long steps() {
            return stepsDone;
        }

        @Override
        public boolean isEpochEnd() {
            return epochEnd;
        }

        @Override
        public boolean isEnding() {
            return ending;
        }

        @Override
        public void save(Path path) throws IOException {
            long now = System.nanoTime();
            // The point to train at, not the one that is good.
            update.afterEvaluation();
            memory.save(path, history, stepsDone, totalSteps, now - began, sums, sums == null ? 0 : now - epochBegan);
            if (epochEnd) {
                update.beforeEvaluation();
            }
        }
    }

    @Override
    public void close() {
        resources.close();
    }
}
