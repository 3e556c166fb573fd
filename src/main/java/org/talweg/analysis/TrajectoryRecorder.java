package org.talweg.analysis;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.talweg.optim.SavedState;
import org.talweg.train.Listener;
import org.talweg.train.RunState;
import org.talweg.train.StepMetrics;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;

/**
 * Keeps the model's parameters as they were when training began, every so many steps, and when it ended. They are copied
 * to the host between steps, so training goes the same way as without.
 */
public final class TrajectoryRecorder implements Listener {
    private final int every;
    private final List<Long> steps = new ArrayList<>();
    private final List<float[]> points = new ArrayList<>();
    private Trainer trainer;
    private long taken;

    /** @param every steps between two points */
    public TrajectoryRecorder(int every) {
        if (every < 1) {
            throw new IllegalArgumentException("a point every " + every + " steps; at least 1 is needed");
        }
        this.every = every;
    }

    @Override
    public void onTrainBegin(Trainer started, int epochs, int stepsPerEpoch) {
        trainer = started;
        taken = 0;
        steps.clear();
        points.clear();
        record();
    }

    /** The points before come with {@link #restore}. */
    @Override
    public void onResume(Trainer started, int epochs, int stepsPerEpoch, RunState run) {
        trainer = started;
        taken = run.steps();
        steps.clear();
        points.clear();
        record();
    }

    @Override
    public SavedState save() {
        Map<String, float[]> vectors = new LinkedHashMap<>();
        for (int i = 0; i < points.size(); i++) {
            vectors.put(steps.get(i).toString(), points.get(i));
        }
        return new SavedState(vectors, Map.of());
    }

    @Override
    public void restore(SavedState saved) {
        steps.clear();
        points.clear();
        saved.vectors().forEach((step, point) -> {
            steps.add(Long.valueOf(step));
            points.add(point);
        });
    }

    @Override
    public int stepsUntilReport() {
        return every - (int) (taken % every);
    }

    @Override
    public void onSteps(List<StepMetrics> done) {
        taken += done.size();
        if (taken % every == 0) {
            record();
        }
    }

    /** The last point is the model that training leaves, be it the last one or the best. */
    @Override
    public void onTrainEnd(TrainingResult result) {
        if (steps.get(steps.size() - 1) == taken) {
            steps.remove(steps.size() - 1);
            points.remove(points.size() - 1);
        }
        record();
    }

    private void record() {
        float[] point = new float[Math.toIntExact(trainer.model().parameters().elements())];
        trainer.model().device().download(trainer.model().parameters(), point);
        steps.add(taken);
        points.add(point);
    }

    /** What was recorded so far. */
    public Trajectory trajectory() {
        return new Trajectory(steps, points);
    }
}
