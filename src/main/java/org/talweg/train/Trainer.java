package org.talweg.train;

import java.util.List;
import org.talweg.data.DataLoader;
import org.talweg.nn.Model;
import org.talweg.ops.Fusion;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizer;
import org.talweg.optim.ParameterGroups;
import org.talweg.optim.Schedule;
import org.talweg.optim.Schedules;
import org.talweg.tape.Loss;

/**
 * Fits a model to data: {@code Trainer.builder(model).loss(Losses.softmaxCrossEntropy())
 * .optimizer(Optimizers.adam()).build().fit(train, validation, 20)}.
 */
public final class Trainer {
    private final Model model;
    private final Loss loss;
    private final Optimizer optimizer;
    private final Schedule schedule;
    private final Clip clip;
    private final List<Metric> metrics;
    private final Stop stop;
    private final String restores;
    private final ParameterGroups parameterGroups;
    private final int microBatch;
    private final long dataMemory;
    private final Fusion fusion;
    private final List<Listener> listeners;
    private volatile boolean stopRequested;

    private Trainer(Builder builder) {
        model = builder.model;
        loss = builder.loss;
        optimizer = builder.optimizer;
        schedule = builder.schedule != null ? builder.schedule : Schedules.constant(optimizer.learningRate());
        clip = builder.clip;
        metrics = builder.metrics;
        stop = builder.stop;
        restores = builder.restores != null ? builder.restores : stop.restores();
        parameterGroups = builder.parameterGroups;
        microBatch = builder.microBatch;
        dataMemory = builder.dataMemory;
        fusion = builder.fusion;
        listeners = builder.listeners;
    }

    public static Builder builder(Model model) {
        return new Builder(model);
    }

    public Model model() {
        return model;
    }

    public Loss loss() {
        return loss;
    }

    public Optimizer optimizer() {
        return optimizer;
    }

    public Schedule schedule() {
        return schedule;
    }

    public Clip clip() {
        return clip;
    }

    List<Metric> metrics() {
        return metrics;
    }

    Stop stop() {
        return stop;
    }

    /** Or null. */
    String restores() {
        return restores;
    }

    boolean stopRequested() {
        return stopRequested;
    }

    public ParameterGroups parameterGroups() {
        return parameterGroups;
    }

    int microBatch() {
        return microBatch;
    }

    long dataMemory() {
        return dataMemory;
    }

    Fusion fusion() {
        return fusion;
    }

    List<Listener> listeners() {
        return listeners;
    }

    /** As {@link #fit(DataLoader, DataLoader, int)} without validation. */
    public TrainingResult fit(DataLoader train, int epochs) {
        return fit(train, null, epochs);
    }

    /**
     * Trains for a number of epochs, each over all rows. The optimizer starts afresh; the model goes on from the
     * parameters it has. Device memory for gradients, optimizer and data is allocated at the start and freed at the
     * end, come what may. Ends early when a criterion says so, on {@link #requestStop}, and after an epoch in which every
     * step was skipped for gradients that are not finite.
     *
     * @param validation evaluated after each epoch, or null
     * @throws IllegalArgumentException if model, loss and data do not fit together, {@code epochs} is below 1, or a
     *                                  validation metric is followed without validation
     */
    public TrainingResult fit(DataLoader train, DataLoader validation, int epochs) {
        return fit(train, validation, epochs, null);
    }

    /**
     * Goes on with a run of {@link #fit} as if it had never stopped: with the same model, settings and data, what comes
     * after is the same bit for bit, on the same device. The model takes over the checkpoint's parameters; criteria,
     * schedule and best epoch are found again from the epochs before.
     *
     * <p>A run may be made longer. Where the schedule follows the run's length, as a cosine or one-cycle over all of it, it
     * goes on from this step as it would be in a run of the new length, and the log says so: that is no run that had the
     * length from the start. Constant, stepwise, exponential and plateau schedules, and those that are told over how many
     * steps, go on as if it had.
     *
     * @param epochs of the whole run; more than it was going to have, to train longer
     * @throws IllegalArgumentException if the checkpoint is of another model, optimizer or data set
     */
    public TrainingResult resume(Checkpoint from, DataLoader train, DataLoader validation, int epochs) {
        return fit(train, validation, epochs, from);
    }

    private TrainingResult fit(DataLoader train, DataLoader validation, int epochs, Checkpoint from) {
        Checks.atLeastOne("epochs", epochs);
        try (TrainingRun run = new TrainingRun(this, train, validation, epochs)) {
            return run.fit(from);
        } finally {
            stopRequested = false;
        }
    }

    /**
     * Ends {@link #fit} after the step it is in, from any thread; if none is running, the next one after its first step.
     * The epoch in progress is not validated; its steps count.
     */
    public void requestStop() {
        stopRequested = true;
    }

    /** How well the model predicts these rows now. */
    public Evaluation evaluate(DataLoader loader) {
        return Evaluation.of(model, loss, loader, metrics.toArray(Metric[]::new));
    }

    /** What the model says of these rows now, for metrics and for a {@link ConfusionMatrix}. */
    public Predictions predict(DataLoader loader) {
        return Evaluator.predict(model, loss, loader);
    }

    /** Collects settings; loss and optimizer are required. */
    public static final class Builder {
        private final Model model;
        private Loss loss;
        private Optimizer optimizer;
        private Schedule schedule;
        private Clip clip = Clip.none();
        private List<Metric> metrics = List.of();
        private Stop stop = Stop.anyOf();
        private String restores;
        private ParameterGroups parameterGroups = ParameterGroups.none();
        private int microBatch = Integer.MAX_VALUE;
        private long dataMemory = Long.MAX_VALUE;
        private Fusion fusion = Fusion.AUTO;
        private List<Listener> listeners = List.of();

        private Builder(Model model) {
            this.model = model;
        }

        public Builder loss(Loss value) {
            loss = value;
            return this;
        }

        public Builder optimizer(Optimizer value) {
            optimizer = value;
            return this;
        }

        /** Overrides the optimizer's learning rate, which is otherwise constant. */
        public Builder schedule(Schedule value) {
            schedule = value;
            return this;
        }

        public Builder clip(Clip value) {
            clip = value;
            return this;
        }

        /** Computed over the validation rows after each epoch, beside loss and accuracy. */
        public Builder metrics(Metric... values) {
            metrics = List.of(values);
            return this;
        }

        /** Ends training before all epochs are done, as soon as one of these says so. */
        public Builder stopWhen(Stop... criteria) {
            stop = criteria.length == 1 ? criteria[0] : Stop.anyOf(criteria);
            return this;
        }

        /**
         * In the end the model has the parameters of the epoch with the best value of {@code metric}, such as
         * {@code val_loss}, and not of the last. A copy is kept on the device.
         */
        public Builder restoreBest(String metric) {
            restores = metric;
            return this;
        }

        /** Parameters with a learning rate or weight decay of their own, or none at all. */
        public Builder parameterGroups(ParameterGroups value) {
            parameterGroups = value;
            return this;
        }

        /**
         * Gradient accumulation: a batch comes in micro-batches of so many rows, whose gradients are added up before the
         * one update. The same steps up to rounding, in the memory of a micro-batch. Where a batch does not fit into
         * memory this happens by itself.
         *
         * @throws IllegalArgumentException if below 1
         */
        public Builder microBatch(int rows) {
            Checks.atLeastOne("rows of a micro-batch", rows);
            microBatch = rows;
            return this;
        }

        /**
         * Most bytes of device memory for the features of training rows, and for those of validation rows: what is larger is
         * streamed, with the same results bit for bit. Unless told, what the device has.
         *
         * @throws IllegalArgumentException if below 1
         */
        public Builder dataMemory(long bytes) {
            if (bytes < 1) {
                throw new IllegalArgumentException(bytes + " bytes of memory for data; at least 1 is needed");
            }
            dataMemory = bytes;
            return this;
        }

        /**
         * Whether forward, loss and backward of a step become one kernel, which a GPU of compute capability 8.0 can do for
         * float32 dense layers of at most 128 units, if nothing is frozen and batches come whole. Unless told, where that
         * is predicted to be faster. The same step up to rounding.
         */
        public Builder fusion(Fusion value) {
            fusion = value;
            return this;
        }

        public Builder listeners(Listener... values) {
            listeners = List.of(values);
            return this;
        }

        /**
         * @throws IllegalStateException if loss or optimizer is missing
         */
        public Trainer build() {
            if (loss == null) {
                throw new IllegalStateException("no loss; call loss(Losses.softmaxCrossEntropy()) or another");
            }
            if (optimizer == null) {
                throw new IllegalStateException("no optimizer; call optimizer(Optimizers.adam()) or another");
            }
            return new Trainer(this);
        }
    }
}
