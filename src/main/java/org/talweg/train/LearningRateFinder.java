package org.talweg.train;

import java.util.ArrayList;
import java.util.List;
import org.talweg.data.DataLoader;
import org.talweg.optim.Lbfgs;
import org.talweg.optim.Schedules;

/**
 * Learning-rate range test (Smith 2017, section 3.3): a short run whose rate rises exponentially from step to step,
 * until the loss takes off. Where the smoothed loss falls fastest is a good rate for training; at its minimum the rate
 * is already too high.
 *
 * @param from      first rate
 * @param to        last rate
 * @param steps     between them
 * @param smoothing share of the past in the running mean of the loss, at least 0 and below 1; the mean is corrected for
 *                  its start, as Adam's moments are
 */
public record LearningRateFinder(double from, double to, int steps, double smoothing) {
    /** The loss has taken off where its mean is so many times the lowest. */
    private static final double DIVERGED = 4;

    public LearningRateFinder {
        if (steps < 10) {
            throw new IllegalArgumentException("a range test of " + steps + " steps; at least 10 are needed");
        }
        if (!(from > 0 && from < to && to < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("learning rates from " + from + " to " + to
                + "; the first must be above 0 and below the second");
        }
        if (!(smoothing >= 0 && smoothing < 1)) {
            throw new IllegalArgumentException("smoothing is " + smoothing + "; it must be at least 0 and below 1");
        }
    }

    /** From 1e-6 to 10 in 200 steps, smoothed by 0.9. */
    public static LearningRateFinder usual() {
        return new LearningRateFinder(1e-6, 10, 200, 0.9);
    }

    /**
     * Sweeps with the trainer's model, loss, optimizer and clipping; the model ends where it began.
     *
     * @param builder its schedule, stopping criteria and listeners are replaced
     */
    public LearningRateTest run(Trainer.Builder builder, DataLoader rows) {
        List<StepMetrics> taken = new ArrayList<>();
        Trainer trainer = builder.schedule(Schedules.exponentialTo(from, to)).stopWhen(Stop.afterSteps(steps))
            .listeners(new Listener() {
                @Override
                public void onSteps(List<StepMetrics> some) {
                    taken.addAll(some);
                }
            }).build();
        if (trainer.optimizer() instanceof Lbfgs) {
            throw new IllegalArgumentException("L-BFGS finds the length of each step itself; there is no learning rate to look "
                + "for");
        }
        try (Resources resources = new Resources()) {
            ModelCopy start = new ModelCopy(resources, trainer.model(), "start of the range test");
            start.save();
            try {
                trainer.fit(rows, (steps + rows.batches() - 1) / rows.batches());
            } finally {
                start.restore();
            }
        }
        return evaluate(taken);
    }

    private LearningRateTest evaluate(List<StepMetrics> taken) {
        List<LearningRateTest.Point> points = new ArrayList<>();
        double mean = 0;
        double lowest = Double.POSITIVE_INFINITY;
        for (StepMetrics step : taken) {
            if (step.skipped() || !Float.isFinite(step.loss())) {
                break;
            }
            mean = smoothing * mean + (1 - smoothing) * step.loss();
            double smoothed = mean / (1 - Math.pow(smoothing, points.size() + 1.0));
            points.add(new LearningRateTest.Point(step.learningRate(), step.loss(), smoothed));
            if (smoothed > DIVERGED * lowest) {
                break;
            }
            lowest = Math.min(lowest, smoothed);
        }
        return new LearningRateTest(points, points.size() < taken.size());
    }
}
