package org.talweg.analysis;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.talweg.data.Dataset;
import org.talweg.nn.Model;
import org.talweg.optim.SavedState;
import org.talweg.tape.Parameter;
import org.talweg.train.Listener;
import org.talweg.train.RunState;
import org.talweg.train.StepMetrics;
import org.talweg.train.Trainer;

/**
 * Watches the gradients of a model while it trains: on the same batch each time, with programs and memory of its own,
 * so that training goes on as if nobody looked. It looks when training starts and then every so many steps.
 */
public final class GradientMonitor implements Listener {
    private final Dataset batch;
    private final int every;
    private final Consumer<GradientHealth> report;
    private Trainer trainer;
    private float[] before;
    private long steps;

    /**
     * @param batch  of which the first {@value GradientProbe#ROWS} rows are taken
     * @param every  steps
     * @param report told what was seen; its update ratios are how far the weights moved since the last look, a step on
     *               average
     */
    public GradientMonitor(Dataset batch, int every, Consumer<GradientHealth> report) {
        if (every < 1) {
            throw new IllegalArgumentException("a look every " + every + " steps; at least 1 is needed");
        }
        this.batch = batch;
        this.every = every;
        this.report = report;
    }

    @Override
    public void onTrainBegin(Trainer started, int epochs, int stepsPerEpoch) {
        trainer = started;
        before = null;
        steps = 0;
        look();
    }

    @Override
    public void onResume(Trainer started, int epochs, int stepsPerEpoch, RunState run) {
        trainer = started;
        before = null;
        steps = 0;
    }

    @Override
    public SavedState save() {
        return new SavedState(Map.of("before", before), Map.of("steps", (double) steps));
    }

    @Override
    public void restore(SavedState saved) {
        before = saved.vectors().get("before");
        steps = saved.numbers().getOrDefault("steps", 0.0).longValue();
    }

    @Override
    public int stepsUntilReport() {
        return every - (int) steps;
    }

    @Override
    public void onSteps(List<StepMetrics> taken) {
        steps += taken.size();
        if (steps == every) {
            look();
        }
    }

    private void look() {
        Model model = trainer.model();
        float[] now = new float[Math.toIntExact(model.parameters().elements())];
        model.device().download(model.parameters(), now);
        try (GradientProbe probe = new GradientProbe(model, trainer.loss(), batch)) {
            report.accept(probe.look((parameter, gradientNorm) -> moved(parameter, now)));
        }
        before = now;
        steps = 0;
    }

    private double moved(Parameter parameter, float[] now) {
        if (before == null) {
            return Double.NaN;
        }
        double sum = 0;
        int end = (int) (parameter.offset() + parameter.shape().elements());
        for (int i = (int) parameter.offset(); i < end; i++) {
            sum += Math.pow((double) now[i] - before[i], 2);
        }
        return Math.sqrt(sum) / steps;
    }
}
