package org.talweg.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg export}: a run's model for other programs. */
@Command(name = "export", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Writes a run's model for other programs: as ONNX, which many runtimes run, scaling of the features "
        + "included, or its tensors as safetensors, which Python reads.",
    footer = {"", "Example:  ./talweg export runs/a --onnx model.onnx"})
final class ExportCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "RUN", description = "A folder that 'talweg train' wrote.")
    private Path folder;

    @Option(names = "--onnx", paramLabel = "FILE", description = "ONNX: 'input' has any number of rows, 'output' is what the "
        + "last layer gives.")
    private Path onnx;

    @Option(names = "--safetensors", paramLabel = "FILE", description = "Parameters and running statistics by name.")
    private Path safetensors;

    @Override
    public Integer call() throws IOException {
        Experiment.check(onnx != null || safetensors != null, "export to what? name a file with --onnx or --safetensors");
        PrintWriter out = spec.commandLine().getOut();
        try (Device device = Devices.open("cpu"); Model model = RunFolder.existing(folder).load(device)) {
            if (onnx != null) {
                model.exportOnnx(onnx);
                out.println("saved   " + onnx);
            }
            if (safetensors != null) {
                model.save(safetensors);
                out.println("saved   " + safetensors);
            }
        }
        out.flush();
        return 0;
    }
}
