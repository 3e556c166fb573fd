package org.talweg.train;

import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.StepState;
import org.talweg.optim.Minimizer;
import org.talweg.tape.StepProgram;
import org.talweg.tensor.Tensor;

/** One call of a {@link Minimizer} on all rows as a step: the host does what prepares and logs other steps. */
final class FullBatchProgram implements StepProgram {
    private final Model model;
    private final Device device;
    private final Minimizer minimizer;
    private final FullBatch objective;
    private final StepState state;
    private final int rows;
    private final int[] counters = new int[StepState.COUNTERS];
    private final float[] schedule;
    private boolean started;
    private double accuracy;

    /** @param objective closed with this */
    FullBatchProgram(Model model, Minimizer minimizer, FullBatch objective, StepState state, int rows) {
        this.model = model;
        this.minimizer = minimizer;
        this.objective = objective;
        this.state = state;
        this.rows = rows;
        device = model.device();
        schedule = new float[state.capacity() * StepState.SCHEDULE_COLUMNS];
    }

    @Override
    public int batch() {
        return rows;
    }

    @Override
    public void run() {
        device.download(state.counters(), counters);
        device.download(state.schedule(), schedule);
        int iteration = counters[StepState.COUNTER_ITERATION];
        started = false;
        double loss = minimizer.step(model.parameters(), this::evaluate,
            schedule[iteration * StepState.SCHEDULE_COLUMNS + StepState.SCHEDULE_LEARNING_RATE]);
        double norm = minimizer.gradientNorm();
        boolean finite = Double.isFinite(norm);
        float[] row = new float[StepState.LOG_COLUMNS];
        row[StepState.LOG_LOSS] = (float) loss;
        row[StepState.LOG_HITS] = (float) accuracy;
        row[StepState.LOG_GRADIENT_NORM] = (float) norm;
        row[StepState.LOG_SKIPPED] = finite ? 0 : 1;
        device.upload(row, state.log().rows(iteration, iteration + 1));
        counters[StepState.COUNTER_ITERATION]++;
        counters[finite ? StepState.COUNTER_STEP : StepState.COUNTER_SKIPPED]++;
        counters[StepState.COUNTER_CURSOR] += rows;
        device.upload(counters, state.counters());
    }

    /** The accuracy of a step is that before it: where the loss is evaluated first. */
    private double evaluate(Tensor parameters, Tensor gradients) {
        double loss = objective.evaluate(parameters, gradients);
        accuracy = started ? accuracy : objective.accuracy();
        started = true;
        return loss;
    }

    @Override
    public void close() {
        objective.close();
    }
}
