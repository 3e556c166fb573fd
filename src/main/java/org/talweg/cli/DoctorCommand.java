package org.talweg.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.DeviceProvider.Candidate;
import org.talweg.ops.DeviceProvider.Part;
import org.talweg.ops.Devices;
import org.talweg.optim.Optimizers;
import org.talweg.train.Trainer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code talweg doctor}: what works on this machine, and for what does not, the remedy. */
@Command(name = "doctor", mixinStandardHelpOptions = true,
    description = "Looks at Java, driver, libraries, disk and devices, and trains a few steps on each device to see that "
        + "its numbers are right. Ends with 1 if something that is here does not work.",
    footer = {"", "Example:  ./talweg doctor"})
final class DoctorCommand implements Callable<Integer> {
    /** Models, logs and unpacked libraries of a run need no more. */
    private static final long ENOUGH_BYTES = 1L << 30;
    private static final double TOLERANCE = 1e-4;

    private enum State { OK, MISSING, BROKEN }

    @Spec
    private CommandSpec spec;

    @Option(names = "--device", paramLabel = "NAME", showDefaultValue = Visibility.NEVER,
        description = "Examines only this device, e.g. software; the GPU's driver and the software device do not go into "
            + "one process.")
    private String only;

    private boolean broken;

    @Override
    public Integer call() {
        say("java", State.OK, Runtime.version() + ", " + System.getProperty("java.vm.name") + ", heap up to "
            + gibibytes(Runtime.getRuntime().maxMemory()));
        folder("disk", Path.of("").toAbsolutePath());
        folder("temporary", Path.of(System.getProperty("java.io.tmpdir")));
        if (only == null) {
            for (Part part : Devices.parts()) {
                say(part.name(), part.available() ? State.OK : State.MISSING, part.description());
            }
        }
        List<String> names = Devices.list().stream().map(Candidate::name).toList();
        Experiment.check(only == null || names.contains(only), "--device " + only + ": there are "
            + String.join(", ", names));
        double right;
        try (Device reference = Devices.choose("reference").device()) {
            right = lossOfTraining(reference);
        }
        for (String name : only == null ? names : List.of(only)) {
            // Asked again each time: a driver that one device brought can be in another's way.
            Devices.list().stream().filter(candidate -> candidate.name().equals(name))
                .forEach(candidate -> examine(candidate, right));
        }
        return broken ? 1 : 0;
    }

    /** @param right loss that the reference comes to */
    private void examine(Candidate candidate, double right) {
        if (!candidate.available()) {
            say(candidate.name(), State.MISSING, candidate.description());
            return;
        }
        try (Device device = Devices.choose(candidate.name()).device()) {
            double loss = lossOfTraining(device);
            boolean same = Math.abs(loss - right) <= TOLERANCE * right;
            say(candidate.name(), same ? State.OK : State.BROKEN, device.description() + (same ? "; trains as the reference"
                : "; trains to loss " + loss + " where the reference comes to " + right
                    + ": please report it with this output"));
        } catch (DeviceException e) {
            say(candidate.name(), State.BROKEN, e.getMessage());
        }
    }

    /** A few steps that touch products, activation, loss, norm and update. */
    private static double lossOfTraining(Device device) {
        Dataset data = Datasets.builtIn("iris");
        DataLoader rows = DataLoader.of(data, 50).shuffled(1);
        try (Model model = Sequential.builder(data.inputShape()).seed(1).dense(16, Activation.TANH).dense(data.classes())
            .build(device)) {
            return Trainer.builder(model).loss(Losses.softmaxCrossEntropy()).optimizer(Optimizers.adam()).build()
                .fit(rows, rows, 2).last().get("val_loss");
        }
    }

    private void folder(String name, Path folder) {
        try {
            Path probe = Files.createTempFile(folder, "talweg", ".tmp");
            Files.delete(probe);
            FileStore store = Files.getFileStore(folder);
            long free = store.getUsableSpace();
            boolean enough = free >= ENOUGH_BYTES;
            say(name, enough ? State.OK : State.BROKEN, folder + ", " + gibibytes(free) + " free"
                + (enough ? "" : ": runs need more; make room or work in another folder"));
        } catch (IOException e) {
            say(name, State.BROKEN, folder + " cannot be written (" + e.getMessage() + "): work in another folder"
                + (name.equals("temporary") ? ", named by -Djava.io.tmpdir" : ""));
        }
    }

    private void say(String name, State state, String text) {
        broken |= state == State.BROKEN;
        PrintWriter out = spec.commandLine().getOut();
        out.printf("%-10s %-8s %s%n", name, state.name().toLowerCase(Locale.ROOT),
            text.strip().replaceAll("\\s*\\R\\s*", "; "));
    }

    private static String gibibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
    }
}
