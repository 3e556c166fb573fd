package org.talweg.cli;

import java.time.Duration;
import java.util.List;
import org.talweg.cli.Choices.Choice;
import org.talweg.train.LossChange;
import org.talweg.train.NoImprovement;
import org.talweg.train.Stop;

/** {@code --stop}, as often as wanted. */
final class StopChoices {
    static final Choices<Stop> ALL = Choices.of("--stop", "stopping criterion",
        new Choice<>("no_improvement:metric=val_loss,patience=10,min_delta=0,restore_best=yes",
            "early stopping: no better than the best by more than min_delta for patience epochs", s -> {
                NoImprovement stop = Stop.noImprovement(s.text("metric"), s.integer("patience"))
                    .minDelta(s.number("min_delta"));
                return s.flag("restore_best") ? stop.restoringBest() : stop;
            }),
        new Choice<>("loss_change:below=1e-4,metric=loss,relative=no,window=1",
            "the metric changes by less than this (or this share) within a window of epochs", s -> {
                LossChange stop = Stop.lossChange(s.number("below")).of(s.text("metric")).over(s.integer("window"));
                return s.flag("relative") ? stop.asShare() : stop;
            }),
        new Choice<>("gradient_norm:below=1e-4", "the mean gradient norm of an epoch's steps is below this",
            s -> Stop.gradientNorm(s.number("below"))),
        new Choice<>("target:metric=val_loss,value=0.1", "the metric is as good as this or better",
            s -> Stop.target(s.text("metric"), s.number("value"))),
        new Choice<>("steps:n=1000", "so many steps are done", s -> Stop.afterSteps(s.whole("n"))),
        new Choice<>("epochs:n=100", "so many epochs are done", s -> Stop.afterEpochs(s.integer("n"))),
        new Choice<>("time:seconds=60", "so much time is used up",
            s -> Stop.after(Duration.ofNanos((long) (s.number("seconds") * 1e9)))),
        new Choice<>("non_finite", "a gradient norm or a loss is not finite", s -> Stop.onNonFinite()));

    private StopChoices() {
    }

    /** The thresholds of those among {@code stops} that wait for a small gradient. */
    static List<Double> gradientNorms(List<String> stops) {
        return stops.stream().filter(stop -> ALL.choice(stop).name().equals("gradient_norm"))
            .map(stop -> ALL.settings(stop).number("below")).toList();
    }
}
