package org.talweg.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.nn.Columns;
import org.talweg.nn.Model;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.train.ConfusionMatrix;
import org.talweg.train.Evaluation;
import org.talweg.train.Evaluator;
import org.talweg.train.Metric;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg evaluate}: how well a run's model predicts. */
@Command(name = "evaluate", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "How well a run's model predicts: its own test rows, or those of another source, which is read as the "
        + "run's own was.",
    footer = {"", "Examples:", "  ./talweg evaluate runs/a",
        "  ./talweg evaluate runs/a src/main/resources/org/talweg/data/iris.csv --metrics f1,auc --confusion"})
final class EvaluateCommand implements Callable<Integer> {
    private static final int BATCH = 1024;

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "RUN", description = "A folder that 'talweg train' wrote.")
    private Path folder;

    @Parameters(index = "1", arity = "0..1", paramLabel = "SOURCE", description = "Rows that the run did not have; all are "
        + "taken.")
    private String source;

    @Option(names = "--rows", paramLabel = "PART", defaultValue = "test",
        description = "Of the run's own data: train, validation or test.")
    private SavedRun.Rows rows;

    @Option(names = "--metrics", paramLabel = "NAMES", split = ",", showDefaultValue = Visibility.NEVER,
        description = "e.g. f1,auc; see 'talweg methods metrics'.")
    private List<String> metrics = List.of();

    @Option(names = "--confusion", description = "Prints how often each class was taken for which.")
    private boolean confusion;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "best",
        description = "best, cuda, cuda:N, cpu, reference or software.")
    private String device;

    @Option(names = "--json", description = "One JSON object instead of text.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        Metric[] measured = metrics.stream().map(MetricChoices.ALL::parse).toArray(Metric[]::new);
        SavedRun run = SavedRun.read(folder);
        Dataset raw = source == null ? run.unscaled(rows) : asTrained(run.experiment().read(source),
            Columns.of(run.experiment().data()));
        try (Device opened = Devices.open(device); Model model = run.model(opened)) {
            Dataset data = model.scaler().map(scaler -> scaler.apply(raw)).orElse(raw);
            DataLoader loader = DataLoader.of(data, BATCH);
            Evaluation evaluation = Evaluation.of(model, run.loss(), loader, measured);
            show(evaluation, confusion ? ConfusionMatrix.of(Evaluator.predict(model, run.loss(), loader)) : null);
        }
        return 0;
    }

    private void show(Evaluation evaluation, ConfusionMatrix matrix) throws IOException {
        Map<String, Object> figures = new LinkedHashMap<>();
        figures.put("loss", evaluation.loss());
        if (!Double.isNaN(evaluation.accuracy())) {
            figures.put("accuracy", evaluation.accuracy());
        }
        figures.putAll(evaluation.metrics());
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            figures.put("rows", evaluation.rows());
            if (matrix != null) {
                figures.put("classes", matrix.names());
                figures.put("confusion", matrix.counts());
            }
            out.println(new ObjectMapper().writeValueAsString(figures));
        } else {
            StringBuilder line = new StringBuilder();
            figures.forEach((name, value) -> line.append(String.format(Locale.ROOT, "%s %.4f  ", name, value)));
            out.println(line + String.format(Locale.ROOT, "on %,d rows", evaluation.rows()));
            if (matrix != null) {
                out.println("\ntrue class by row, predicted class by column:\n" + matrix);
            }
        }
        out.flush();
    }

    /** The same rows with features and classes in the order that the model learned them. */
    private static Dataset asTrained(Dataset data, Columns trained) {
        for (String name : data.featureNames()) {
            Experiment.check(trained.features().contains(name), data.name() + " has a feature '" + name
                + "' that the model knows nothing of; it learned from " + String.join(", ", trained.features()));
        }
        Dataset ordered = data.selectFeatures(trained.features());
        if (!data.isClassification()) {
            Experiment.check(data.targetNames().size() == trained.targets().size(), data.name() + " has the targets "
                + data.targetNames() + "; the model predicts " + trained.targets());
            return ordered;
        }
        int[] numbers = data.classNames().stream().mapToInt(name -> {
            int number = trained.classes().indexOf(name);
            Experiment.check(number >= 0, data.name() + " has a class '" + name + "' that the model does not know; it "
                + "learned " + String.join(", ", trained.classes()));
            return number;
        }).toArray();
        return new Dataset(data.name(), trained.features(), ordered.source(), trained.targets(),
            Arrays.stream(data.labels()).map(label -> numbers[label]).toArray(), trained.classes(), null);
    }
}
