package org.talweg.cli;

import java.util.Optional;
import org.talweg.cli.Choices.Choice;
import org.talweg.data.Scaler;

/** {@code --scale}. */
final class ScaleChoices {
    static final Choices<Optional<Scaler.Method>> ALL = Choices.of("--scale", "scaler",
        new Choice<>("none", "features as they are", s -> Optional.empty()),
        new Choice<>("standard", "to mean 0 and standard deviation 1", s -> Optional.of(Scaler.standard())),
        new Choice<>("minmax", "to the range 0 to 1", s -> Optional.of(Scaler.minMax())),
        new Choice<>("robust", "to median 0 and interquartile range 1, whatever outliers do",
            s -> Optional.of(Scaler.robust())),
        new Choice<>("l2", "each feature to a 2-norm of 1", s -> Optional.of(Scaler.l2())),
        new Choice<>("maxabs", "each feature to a largest magnitude of 1", s -> Optional.of(Scaler.maxAbs())));

    private ScaleChoices() {
    }
}
