package org.talweg.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg resume}: a run goes on from its last checkpoint. */
@Command(name = "resume", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "Goes on with a run that was interrupted, killed, or is to be longer, from its last checkpoint: on the "
        + "same device with the same result, bit for bit, as if it had never stopped. A run that is made longer ends like "
        + "one that had the length from the start if its schedule does not follow the run's length; one that does, such as "
        + "the default cosine, takes the new length from there on, and a line says so.",
    footer = {"", "Examples:", "  ./talweg resume runs/a", "  ./talweg resume runs/a --epochs 60"})
final class ResumeCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "RUN", description = "A folder that 'talweg train' wrote.")
    private Path folder;

    @Option(names = "--epochs", paramLabel = "N", showDefaultValue = Visibility.NEVER,
        description = "Of the whole run, e.g. 60 (default: as many as it was going to have).")
    private Integer epochs;

    @Option(names = "--device", paramLabel = "NAME", showDefaultValue = Visibility.NEVER,
        description = "best, cuda, cuda:N, cpu, reference or software (default: the one it ran on).")
    private String device;

    @Mixin
    private ProgressOptions progress;

    @Override
    public Integer call() throws IOException {
        List<String> changes = new ArrayList<>();
        if (epochs != null) {
            changes.add("--epochs=" + epochs);
        }
        if (device != null) {
            changes.add("--device=" + device);
        }
        RunFolder run = RunFolder.existing(folder);
        try (RunLock lock = run.lock()) {
            TrainCommand.of(run, changes.toArray(String[]::new)).resume(run, progress, spec);
        }
        return 0;
    }
}
