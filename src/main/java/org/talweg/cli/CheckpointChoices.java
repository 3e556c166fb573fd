package org.talweg.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.talweg.train.Checkpoints;

/** {@code --checkpoint}: how often. */
final class CheckpointChoices {
    private static final Pattern EVERY = Pattern.compile("(\\d{1,9})(s|min|h|epochs?|steps?)");

    private CheckpointChoices() {
    }

    /** Empty for none. */
    static Optional<Checkpoints> parse(String text, Path folder) {
        if (text.equals("none")) {
            return Optional.empty();
        }
        Matcher matcher = EVERY.matcher(text);
        Experiment.check(matcher.matches(), "--checkpoint " + text
            + ": write how often, as 30s, 5min, 1h, 1epoch or 500steps, or none");
        int number = Integer.parseInt(matcher.group(1));
        Experiment.check(number > 0 || matcher.group(2).equals("s"), "--checkpoint " + text + ": at least 1 is needed");
        Checkpoints checkpoints = Checkpoints.in(folder);
        return Optional.of(switch (matcher.group(2)) {
            case "s" -> checkpoints.every(Duration.ofSeconds(number));
            case "min" -> checkpoints.every(Duration.ofMinutes(number));
            case "h" -> checkpoints.every(Duration.ofHours(number));
            case "step", "steps" -> checkpoints.everySteps(number);
            default -> checkpoints.everyEpochs(number);
        });
    }
}
