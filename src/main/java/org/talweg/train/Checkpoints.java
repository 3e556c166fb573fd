package org.talweg.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.talweg.files.WholeFile;
import org.talweg.nn.Model;

/**
 * Saves a run so that it can go on after a crash as if nothing had happened:
 * {@code Checkpoints.in(Path.of("runs/a")).every(Duration.ofMinutes(1)).keepBest("val_loss")}. After every epoch unless
 * told otherwise, and always when the run ends or is interrupted. The last two checkpoints are kept, because the last one
 * may be damaged; {@link Checkpoint#latest} finds the one to go on from.
 */
public final class Checkpoints implements Listener {
    /** The model of the best epoch, beside the checkpoints. */
    public static final String BEST = "best.safetensors";

    private final Path folder;
    private int epochs = 1;
    private long steps;
    private Duration time;
    private int kept = 2;
    private String best;
    private Model model;
    private long savedSteps;
    private int savedEpochs;
    private long savedAt;
    private long now;

    private Checkpoints(Path folder) {
        this.folder = folder;
    }

    public static Checkpoints in(Path folder) {
        return new Checkpoints(folder);
    }

    public Path folder() {
        return folder;
    }

    /** After the step, or the group of steps, in which so much time has passed since the last one. */
    public Checkpoints every(Duration value) {
        if (value.isNegative()) {
            throw new IllegalArgumentException("a checkpoint every " + value + "; the time must not be negative");
        }
        return every(0, 0, value);
    }

    public Checkpoints everySteps(long value) {
        Checks.atLeastOne("steps between checkpoints", value);
        return every(0, value, null);
    }

    public Checkpoints everyEpochs(int value) {
        Checks.atLeastOne("epochs between checkpoints", value);
        return every(value, 0, null);
    }

    private Checkpoints every(int newEpochs, long newSteps, Duration newTime) {
        epochs = newEpochs;
        steps = newSteps;
        time = newTime;
        return this;
    }

    /** How many of the last ones; 2 unless set, and at least that. */
    public Checkpoints keep(int last) {
        if (last < 2) {
            throw new IllegalArgumentException(last + " checkpoints; at least 2 are kept, in case one is damaged");
        }
        kept = last;
        return this;
    }

    /** Also saves the model of the epoch that is the best so far, by a metric such as {@code val_loss}, as {@value #BEST}. */
    public Checkpoints keepBest(String metric) {
        best = metric;
        return this;
    }

    /** Creates the folder if need be; removes the checkpoints of a run before. */
    @Override
    public void onTrainBegin(Trainer trainer, int allEpochs, int stepsPerEpoch) {
        begin(trainer, 0, 0);
        try {
            Files.deleteIfExists(folder.resolve(BEST));
            for (Path old : Checkpoint.files(folder)) {
                Files.delete(old);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the checkpoints of an earlier run in " + folder + " cannot be removed", e);
        }
    }

    @Override
    public void onResume(Trainer trainer, int allEpochs, int stepsPerEpoch, RunState run) {
        begin(trainer, run.steps(), run.history().size());
    }

    private void begin(Trainer started, long fromSteps, int fromEpochs) {
        model = started.model();
        savedSteps = fromSteps;
        now = fromSteps;
        savedEpochs = fromEpochs;
        savedAt = System.nanoTime();
        try {
            Files.createDirectories(folder);
            try (DirectoryStream<Path> left = Files.newDirectoryStream(folder, "*" + WholeFile.TEMPORARY)) {
                for (Path file : left) {
                    Files.delete(file);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("checkpoints cannot be written to " + folder, e);
        }
    }

    @Override
    public int stepsUntilReport() {
        return steps == 0 ? Integer.MAX_VALUE : (int) Math.min(Integer.MAX_VALUE, steps - now % steps);
    }

    @Override
    public void onState(RunState run) {
        now = run.steps();
        try {
            if (run.isEpochEnd() && best != null && isBest(run.history())) {
                model.save(folder.resolve(BEST));
            }
            if (run.isEnding() || isDue(run)) {
                run.save(Checkpoint.file(folder, now));
                savedSteps = now;
                savedEpochs = run.history().size();
                savedAt = System.nanoTime();
                prune();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("a checkpoint cannot be written to " + folder + ": " + e.getMessage(), e);
        }
    }

    private boolean isDue(RunState run) {
        return epochs > 0 && run.isEpochEnd() && run.history().size() - savedEpochs >= epochs
            || steps > 0 && now - savedSteps >= steps
            || time != null && System.nanoTime() - savedAt >= time.toNanos();
    }

    private boolean isBest(List<EpochMetrics> history) {
        EpochMetrics last = history.get(history.size() - 1);
        return !Double.isNaN(last.get(best)) && TrainingResult.best(history, best) == last;
    }

    /** Those of later steps are left from a run that went on from an earlier one. */
    private void prune() throws IOException {
        Path current = Checkpoint.file(folder, now);
        List<Path> files = Checkpoint.files(folder);
        int at = files.indexOf(current);
        for (int i = 0; i < files.size(); i++) {
            if (i < at || i >= at + kept) {
                Files.deleteIfExists(files.get(i));
            }
        }
    }
}
