package org.talweg.cli;

import de.siegmar.fastcsv.writer.CsvWriter;
import java.io.IOException;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.WholeFile;
import org.talweg.nn.Columns;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg predict}: a table in, what the model says of each row out. */
@Command(name = "predict", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "What a run's model says of each row of a table: the class and the probability of each, or the numbers. "
        + "Columns are found by their names; others, such as the target, do not matter.",
    footer = {"", "Example:  ./talweg predict runs/a src/main/resources/org/talweg/data/iris.csv -o predictions.csv"})
final class PredictCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "RUN", description = "A folder that 'talweg train' wrote.")
    private Path folder;

    @Parameters(index = "1", paramLabel = "TABLE", description = "A CSV file, or one with tabs or semicolons; also with .gz.")
    private Path table;

    @Option(names = {"-o", "--out"}, paramLabel = "FILE", required = true, description = "CSV file to write, whole or not at all.")
    private Path out;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "best",
        description = "best, cuda, cuda:N, cpu, reference or software.")
    private String device;

    @Override
    public Integer call() throws IOException {
        RunFolder run = RunFolder.existing(folder);
        String loss = TrainCommand.of(run).experiment().lossText().split(":")[0];
        long[] rows = new long[1];
        try (Device opened = Devices.open(device); Model model = run.load(opened)) {
            Columns columns = model.columns().orElseThrow(() -> new IOException(run.model()
                + " does not say what its inputs are called; train it again with this version"));
            Answers answers = Answers.of(model, columns, loss);
            WholeFile.write(out, channel -> {
                Writer writer = Channels.newWriter(channel, StandardCharsets.UTF_8);
                CsvWriter csv = CsvWriter.builder().build(writer);
                csv.writeRecord(answers.header());
                boolean missing = model.scaler().flatMap(Scaler::fill).isPresent();
                rows[0] = Datasets.csv(table).categories(columns.categories()).features(columns.features(), missing, (features, count) ->
                    predict(model, answers, features, count, csv));
                csv.flush();
            });
        }
        spec.commandLine().getOut().printf("saved   %s: %,d rows%n", out, rows[0]);
        spec.commandLine().getOut().flush();
        return 0;
    }

    private static void predict(Model model, Answers answers, float[] features, int rows, CsvWriter csv) {
        int inputs = Math.toIntExact(model.inputShape().elements());
        float[] outputs = model.predict(Arrays.copyOf(features, rows * inputs), rows);
        int each = outputs.length / rows;
        for (int row = 0; row < rows; row++) {
            csv.writeRecord(answers.of(outputs, row * each));
        }
    }
}
