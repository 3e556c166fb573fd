package org.talweg.cli;

import java.util.concurrent.Callable;
import org.talweg.ops.DeviceProvider.Candidate;
import org.talweg.ops.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code talweg devices}: what there is to compute on, and what is missing and why. */
@Command(name = "devices", mixinStandardHelpOptions = true,
    description = "Lists the devices of this machine, and why others are missing.",
    footer = {"", "Example:  ./talweg devices"})
final class DevicesCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        for (Candidate candidate : Devices.list()) {
            spec.commandLine().getOut().printf("%-10s %-9s %s%n", candidate.name(),
                candidate.available() ? "available" : "missing", candidate.description());
        }
        return 0;
    }
}
