package org.talweg.cli;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import org.talweg.data.DataLoader;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Loaded;
import org.talweg.data.Scaler;
import org.talweg.data.Split;
import org.talweg.nn.Columns;
import org.talweg.nn.Model;
import org.talweg.nn.Sequential;
import org.talweg.ops.Activation;
import org.talweg.ops.Device;
import org.talweg.ops.DeviceException;
import org.talweg.ops.Devices;
import org.talweg.ops.Fusion;
import org.talweg.ops.MatrixProducts;
import org.talweg.ops.Precision;
import org.talweg.optim.Optimizer;
import org.talweg.optim.ParameterLayout;
import org.talweg.tape.Loss;
import org.talweg.train.Trainer;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Data, model and method: the options that every command which trains has. */
final class Experiment {
    @Parameters(paramLabel = "SOURCE", arity = "0..1", description = DataOptions.SOURCE)
    private String source;

    @Mixin
    private DataOptions data;

    @Option(names = "--device", paramLabel = "NAME", defaultValue = "best",
        description = "best, cuda, cuda:N, cpu, reference or software (the real kernels without a GPU).")
    private String device;

    @Option(names = "--hidden", paramLabel = "UNITS", defaultValue = "128,64",
        description = "Units of the hidden layers, e.g. 128,64; none for a linear model.")
    private String hidden;

    @Option(names = "--activation", paramLabel = "NAME", defaultValue = "relu",
        description = "Of the hidden layers, e.g. gelu or leaky_relu:0.2; see 'talweg methods activation'.")
    private String activation;

    @Option(names = "--norm", paramLabel = "NAME", defaultValue = "none",
        description = "Normalises before the activation of the hidden layers, e.g. batch; see 'talweg methods norm'.")
    private String norm;

    @Option(names = "--dropout", paramLabel = "RATE", defaultValue = "0",
        description = "Of the hidden layers' values dropped in training, e.g. 0.1.")
    private float dropout;

    @Option(names = "--residual", description = "Hidden layers that are as wide as the one before add to it.")
    private boolean residual;

    @Option(names = "--init", paramLabel = "NAME", defaultValue = "auto",
        description = "First weights of the hidden layers, e.g. orthogonal; see 'talweg methods init'.")
    private String init;

    @Option(names = "--loss", paramLabel = "NAME", defaultValue = "auto",
        description = "What is brought down, e.g. squared_error; auto suits the targets; see 'talweg methods loss'.")
    private String loss;

    @Mixin
    private MethodOptions method;

    @Option(names = "--scale", paramLabel = "NAME", defaultValue = "minmax",
        description = "Of the features, fitted on the training rows, e.g. standard; see 'talweg methods scale'.")
    private String scale;

    @Option(names = "--precision", paramLabel = "NAME", defaultValue = "float32",
        description = "Of the matrix products, e.g. tf32: float32, or on tensor cores tf32, tf32x3 (as exact as "
            + "float32) or bf16.")
    private Precision precision;

    @Option(names = "--products", paramLabel = "NAME", defaultValue = "talweg",
        description = "Whose matrix products a GPU runs, e.g. auto: talweg, cublas where that library is installed, or auto, what is "
            + "measured to be faster.")
    private MatrixProducts products;

    @Option(names = "--fused", paramLabel = "WHEN", defaultValue = "auto",
        description = "Forward, loss and backward in one kernel, on a GPU, for layers of at most 128 units: auto where that is "
            + "predicted to be faster, on or off.")
    private Fusion fusion;

    @Option(names = "--autotune", paramLabel = "ON|OFF", showDefaultValue = Visibility.NEVER,
        description = "Whether a GPU measures which tiles suit its products, once for each shape: on or off (default: on).")
    private Autotune autotune;

    private enum Autotune { ON, OFF }

    @Option(names = "--seed", paramLabel = "N", defaultValue = "42",
        description = "Decides split, initial parameters and order of the rows, e.g. 7.")
    private long seed;

    private Loaded loaded;
    private Split split;
    private Scaler scaler;

    /**
     * Reads every option and the data: to be called before anything is opened.
     *
     * @throws IllegalArgumentException saying which option is wrong, and how
     * @throws IOException              if the data cannot be read
     */
    void prepare() throws IOException {
        check(source != null, "Missing required parameter: 'SOURCE', what to learn from, such as digits");
        checkMethod();
        prepare(data.load(source));
    }

    /** As {@link #prepare()}, with rows that come from elsewhere. */
    void prepare(Loaded rows) {
        checkMethod();
        loaded = rows;
        loss();
        split(data.split(loaded, seed));
        rows();
    }

    private void checkMethod() {
        activation();
        hiddenUnits();
        method.check();
        ScaleChoices.ALL.parse(scale);
    }

    /** Sets another fold apart, from 0 on; data are there already. */
    void fold(int number, int of) {
        data.fold(number, of);
        split(data.split(loaded, seed));
    }

    /** Fits the scaler to the training rows and scales all. */
    private void split(Split raw) {
        scaler = data.filling(ScaleChoices.ALL.parse(scale)).map(fitting -> fitting.fit(raw.train())).orElse(null);
        split = scaler == null ? raw : scaler.apply(raw);
    }

    /** As on the command line, or null. */
    String source() {
        return source;
    }

    /** A file's name that holds from everywhere. */
    String absoluteSource() {
        return Datasets.builtInNames().contains(source) ? source
            : Path.of(source).toAbsolutePath().normalize().toString();
    }

    Dataset data() {
        return loaded.rows();
    }

    /** Scaled. */
    Split split() {
        return split;
    }

    /** All rows of another source, read as the experiment's own is. */
    Dataset read(String other) throws IOException {
        return data.load(other, data());
    }

    /** With features as they were read. */
    Split unscaled() {
        return data.split(loaded, seed);
    }

    long seed() {
        return seed;
    }

    String optimizerText() {
        return method.optimizerText();
    }

    Activation activation() {
        return Activation.parse(activation);
    }

    Precision precision() {
        return precision;
    }

    /** Whether the model is dense layers alone, and a step one pass over its rows. */
    boolean isPlain() {
        return LayerChoices.NORM.parse(norm).isEmpty() && dropout == 0 && !residual && !method.accumulates();
    }

    /** Whether rows may have to be streamed. */
    boolean limitsDataMemory() {
        return method.limitsDataMemory();
    }

    boolean trainsEverything() {
        return method.trainsEverything();
    }

    String lossText() {
        return loss;
    }

    String scaleText() {
        return scale;
    }

    /** For commands that work on one device alone: nothing else may be asked for. */
    void requireDevice(String name, String why) {
        check(device.equals("best") || device.equals(name), "--device " + device + ": " + why + "; leave it out");
    }

    Devices.Choice device() {
        Devices.Choice choice = Devices.choose(device);
        try {
            choice.device().products(products);
            if (autotune != null) {
                choice.device().autotune(autotune == Autotune.ON);
            }
        } catch (DeviceException e) {
            choice.device().close();
            throw e;
        }
        return choice;
    }

    Model model(Device on) {
        Sequential.Builder builder = Sequential.builder(data().inputShape()).seed(seed).precision(precision);
        Activation f = activation();
        long before = data().inputShape().elements();
        for (int units : hiddenUnits()) {
            if (residual && units == before) {
                builder.residual(branch -> LayerChoices.addHidden(branch, units, f, norm, init, dropout));
            } else {
                LayerChoices.addHidden(builder, units, f, norm, init, dropout);
            }
            before = units;
        }
        Model model = LossChoices.output(builder, outputs(), loss, data()).build(on);
        model.setScaler(scaler);
        model.setColumns(Columns.of(data()));
        try {
            ParameterLayout.of(model.tape(), method.groups());
        } catch (IllegalArgumentException e) {
            model.close();
            throw e;
        }
        return model;
    }

    int outputs() {
        boolean oneEach = data().isClassification() && !LossChoices.isYesOrNo(loss());
        return oneEach ? data().classes() : data().targetNames().size();
    }

    Trainer.Builder trainer(Model model) {
        return method.addTo(Trainer.builder(model).loss(loss()).fusion(fusion));
    }

    /** The training rows in their batches. */
    DataLoader trainingRows() {
        return DataLoader.of(split.train(), rows()).shuffled(seed);
    }

    Loss loss() {
        return LossChoices.parse(loss, data());
    }

    Optimizer optimizer() {
        return method.optimizer();
    }

    /** Whether a step takes all rows. */
    boolean isFullBatch() {
        return method.isFullBatch();
    }

    private int rows() {
        return isFullBatch() ? split.train().rows() : batchRows();
    }

    /** Rows of a step that does not take all. */
    int batchRows() {
        return method.batchRows();
    }

    List<Integer> hiddenUnits() {
        return units(hidden);
    }

    /** Of the hidden layers, as {@code --hidden} has them. */
    static List<Integer> units(String hidden) {
        List<Integer> units = new ArrayList<>();
        if (hidden.equals("none")) {
            return units;
        }
        for (String part : hidden.split(",", -1)) {
            try {
                units.add(Integer.parseInt(part.strip()));
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException("--hidden " + hidden + ": '" + part
                    + "' is no number of units; write 128,64 or none", e);
            }
            check(units.get(units.size() - 1) >= 1, "--hidden " + hidden + ": a layer needs at least 1 unit");
        }
        return units;
    }

    static void check(boolean good, String message) {
        if (!good) {
            throw new IllegalArgumentException(message);
        }
    }

    /** Where results go: {@code out}, or a new folder below {@code runs}. */
    Path folder(Path out) throws IOException {
        if (out == null) {
            return newFolder();
        }
        if (Files.exists(out) && !Files.isDirectory(out)) {
            throw new IOException("--out " + out + " is a file; name a folder");
        }
        return Files.createDirectories(out);
    }

    /** Of this run alone, though another one may begin in the same second. */
    private Path newFolder() throws IOException {
        Path runs = Files.createDirectories(Path.of("runs"));
        String name = data().name().replaceAll("[^\\w.-]", "_") + "-"
            + LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"));
        for (int i = 1; ; i++) {
            try {
                return Files.createDirectory(runs.resolve(i == 1 ? name : name + "-" + i));
            } catch (FileAlreadyExistsException e) {
                // The next one.
            }
        }
    }
}
