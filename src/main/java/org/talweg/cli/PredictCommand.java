package org.talweg.cli;

import de.siegmar.fastcsv.writer.CsvWriter;
import java.io.IOException;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.talweg.data.ArraySource;
import org.talweg.data.CsvSource;
import org.talweg.data.Datasets;
import org.talweg.data.Missing;
import org.talweg.data.Rows;
import org.talweg.data.Scaler;
import org.talweg.files.WholeFile;
import org.talweg.nn.Columns;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg predict}: a table in, what the model says of each row out. */
@Command(name = "predict", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "What a run's model says of each row of a table: the class and the probability of each, or the numbers. "
        + "Columns are found by their names; others, such as the target, do not matter. Of arrays the one is taken whose rows "
        + "are as long as the model's inputs.",
    footer = {"", "Example:  ./talweg predict runs/a src/main/resources/org/talweg/data/iris.csv -o predictions.csv"})
final class PredictCommand implements Callable<Integer> {
    private static final int BLOCK = 1024;

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "RUN", description = "A folder that 'talweg train' wrote.")
    private Path folder;

    @Parameters(index = "1", paramLabel = "TABLE", description = "A CSV file, or one with tabs or semicolons; also with .gz; "
        + "or arrays: .npz, .npy, .safetensors, or a folder of IDX files.")
    private Path table;

    @Option(names = "--features", paramLabel = "NAME", showDefaultValue = CommandLine.Help.Visibility.NEVER,
        description = "Of arrays, the one to take, e.g. x_test.")
    private String features;

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
                CsvSource.FeatureRows use = (block, count) -> predict(model, answers, block, count, csv);
                Optional<ArraySource> arrays = Datasets.arrays(table);
                rows[0] = arrays.isPresent() ? predict(arrays.get(), columns, missing, use) : Datasets.csv(table)
                    .categories(columns.categories()).features(columns.features(), missing, use);
                csv.flush();
            });
        }
        spec.commandLine().getOut().printf("saved   %s: %,d rows%n", out, rows[0]);
        spec.commandLine().getOut().flush();
        return 0;
    }

    /** A block at a time. */
    private long predict(ArraySource arrays, Columns columns, boolean missing, CsvSource.FeatureRows use) {
        int inputs = columns.features().size();
        Rows source = arrays.features(features).missing(missing ? Missing.FILL : Missing.ERROR).rows(inputs);
        float[] block = new float[Math.multiplyExact(BLOCK, inputs)];
        for (int from = 0; from < source.count(); from += BLOCK) {
            int count = Math.min(BLOCK, source.count() - from);
            for (int row = 0; row < count; row++) {
                source.read(from + row, block, row * inputs);
            }
            use.accept(block, count);
        }
        return source.count();
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
