package org.talweg.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Losses;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.Devices;
import org.talweg.optim.Clip;
import org.talweg.optim.Optimizer;
import org.talweg.optim.Optimizers;
import org.talweg.optim.Schedule;
import org.talweg.optim.Schedules;
import org.talweg.tape.Loss;
import org.talweg.train.Evaluation;
import org.talweg.train.MetricsLog;
import org.talweg.train.Trainer;
import org.talweg.train.TrainingResult;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code talweg train}: data set in, trained model and its figures out. */
@Command(name = "train", mixinStandardHelpOptions = true, sortOptions = false, showDefaultValues = true,
    description = "Trains a multi-layer perceptron on a data set and tests it on rows it never saw.",
    footer = {"", "Example:  ./talweg train digits --hidden 128,64 --optimizer adam --epochs 30"})
final class TrainCommand implements Callable<Integer> {
    /** Of all rows; what neither takes is the test part. */
    private static final double TRAIN_SHARE = 0.7;
    private static final double VALIDATION_SHARE = 0.15;
    private static final int EVALUATION_BATCH = 1024;

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "DATA", description = "A built-in data set: digits, breast_cancer, diabetes or iris.")
    private String data;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "best",
        description = "best, cuda, cuda:N, cpu, reference or software (the real kernels without a GPU).")
    private String device;

    @Option(names = "--hidden", paramLabel = "UNITS", defaultValue = "128,64",
        description = "Units of the hidden layers; none for a linear model.")
    private String hidden;

    @Option(names = "--activation", paramLabel = "NAME", defaultValue = "relu",
        description = "Of the hidden layers: relu, leaky_relu:0.2, gelu, silu, tanh, ...; an unknown name lists all.")
    private String activation;

    @Option(names = "--optimizer", paramLabel = "NAME", defaultValue = "adam",
        description = "sgd, momentum, nesterov, adam, adamw.")
    private OptimizerName optimizer;

    @Option(names = "--lr", paramLabel = "RATE", showDefaultValue = Visibility.NEVER,
        description = "Learning rate (default: 0.1 for sgd, 0.01 with momentum, 0.003 for adam and adamw).")
    private Float learningRate;

    @Option(names = "--schedule", paramLabel = "NAME", defaultValue = "cosine",
        description = "Of the learning rate: constant or cosine (down to 0 at the last step).")
    private ScheduleName schedule;

    @Option(names = "--weight-decay", paramLabel = "RATE", showDefaultValue = Visibility.NEVER,
        description = "Decoupled for adamw (default 0.01), L2 for the others (default 0).")
    private Float weightDecay;

    @Option(names = "--batch", paramLabel = "ROWS", defaultValue = "32", description = "Rows of a step.")
    private int batch;

    @Option(names = "--epochs", paramLabel = "N", defaultValue = "30", description = "Passes over the training rows.")
    private int epochs;

    @Option(names = "--clip", paramLabel = "NORM", showDefaultValue = Visibility.NEVER,
        description = "Clips the gradients to this global norm (default: no clipping).")
    private Float clip;

    @Option(names = "--scale", paramLabel = "NAME", defaultValue = "minmax",
        description = "Of the features, fitted on the training rows: standard, minmax or none.")
    private ScalerName scale;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "42",
        description = "Decides split, initial parameters and order of the rows.")
    private long seed;

    @Option(names = "--out", paramLabel = "DIR", showDefaultValue = Visibility.NEVER,
        description = "Where metrics and model go (default: runs/DATA-DATE-TIME).")
    private Path out;

    @Option(names = "--json", description = "One JSON object a line instead of text; the last holds the final figures.")
    private boolean json;

    enum OptimizerName { SGD, MOMENTUM, NESTEROV, ADAM, ADAMW }

    enum ScheduleName { CONSTANT, COSINE }

    enum ScalerName { STANDARD, MINMAX, NONE }

    @Override
    public Integer call() throws IOException {
        check(batch >= 1, "--batch " + batch + ": a step needs at least 1 row");
        check(epochs >= 1, "--epochs " + epochs + ": at least 1 is needed");
        List<Integer> units = hiddenUnits();
        Optimizer method = optimizer();
        Clip clipping = clip == null ? Clip.none() : Clip.byGlobalNorm(clip);
        Dataset all = Datasets.builtIn(data);
        Split split = scaled(all.shuffle(seed).split(TRAIN_SHARE, VALIDATION_SHARE));
        Loss loss = all.isClassification() ? Losses.softmaxCrossEntropy() : Losses.squaredError();

        Devices.Choice choice = Devices.choose(device);
        try (Device opened = choice.device(); Model model = model(all, units).build(opened)) {
            Path folder = runFolder();
            Progress progress = Progress.of(spec.commandLine().getOut(), json);
            progress.begin(choice, all, split, model);
            Trainer trainer = Trainer.builder(model).loss(loss).optimizer(method).schedule(schedule(method))
                .clip(clipping).listeners(progress, new MetricsLog(folder.resolve("metrics.jsonl"))).build();
            TrainingResult result = trainer.fit(DataLoader.of(split.train(), batch).shuffled(seed),
                DataLoader.of(split.validation(), EVALUATION_BATCH), epochs);
            Evaluation test = trainer.evaluate(DataLoader.of(split.test(), EVALUATION_BATCH));
            Path modelFile = folder.resolve("model.safetensors");
            model.save(modelFile);
            progress.end(result, test, folder);
        }
        return 0;
    }

    private Sequential model(Dataset all, List<Integer> units) {
        Activation hiddenActivation = Activation.parse(activation);
        Sequential.Builder builder = Sequential.builder(all.inputShape()).seed(seed);
        units.forEach(count -> builder.dense(count, hiddenActivation));
        return builder.dense(all.isClassification() ? all.classes() : all.targetNames().size()).describe();
    }

    private List<Integer> hiddenUnits() {
        List<Integer> units = new ArrayList<>();
        if (hidden.equals("none")) {
            return units;
        }
        for (String part : hidden.split(",", -1)) {
            try {
                units.add(Integer.parseInt(part.strip()));
                check(units.get(units.size() - 1) >= 1, "--hidden " + hidden + ": a layer needs at least 1 unit");
            } catch (NumberFormatException e) {
                throw bad("--hidden " + hidden + ": '" + part + "' is no number of units; write 128,64 or none");
            }
        }
        return units;
    }

    private Optimizer optimizer() {
        float decay = weightDecay != null ? weightDecay : optimizer == OptimizerName.ADAMW ? 0.01f : 0;
        return switch (optimizer) {
            case SGD -> Optimizers.sgd().learningRate(rate(0.1f)).weightDecay(decay);
            case MOMENTUM -> Optimizers.sgd().learningRate(rate(0.01f)).momentum(0.9f)
                .weightDecay(decay);
            case NESTEROV -> Optimizers.sgd().learningRate(rate(0.01f)).momentum(0.9f).nesterov(true)
                .weightDecay(decay);
            case ADAM -> Optimizers.adam().learningRate(rate(0.003f)).weightDecay(decay);
            case ADAMW -> Optimizers.adamW().learningRate(rate(0.003f)).weightDecay(decay);
        };
    }

    private float rate(float usual) {
        return learningRate == null ? usual : learningRate;
    }

    private Schedule schedule(Optimizer method) {
        return switch (schedule) {
            case CONSTANT -> Schedules.constant(method.learningRate());
            case COSINE -> Schedules.cosine(method.learningRate());
        };
    }

    private Split scaled(Split split) {
        if (scale == ScalerName.NONE) {
            return split;
        }
        Scaler scaler = (scale == ScalerName.STANDARD ? Scaler.standard() : Scaler.minMax()).fit(split.train());
        return new Split(scaler.apply(split.train()), scaler.apply(split.validation()), scaler.apply(split.test()));
    }

    private Path runFolder() throws IOException {
        Path folder = out != null ? out : Path.of("runs",
            data + "-" + LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss")));
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new IOException("--out " + folder + " is a file; name a folder");
        }
        return Files.createDirectories(folder);
    }

    private void check(boolean good, String message) {
        if (!good) {
            throw bad(message);
        }
    }

    private ParameterException bad(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
