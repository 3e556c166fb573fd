package org.talweg.cli;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
import org.talweg.optim.Clip;
import org.talweg.optim.Lbfgs;
import org.talweg.optim.Optimizer;
import org.talweg.optim.ParameterGroups;
import org.talweg.optim.ParameterLayout;
import org.talweg.tape.Loss;
import org.talweg.train.Trainer;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Data, model and method: the options that every command which trains has. */
final class Experiment {
    private static final int ROWS = 32;

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

    @Option(names = "--optimizer", paramLabel = "NAME", defaultValue = "adam",
        description = "e.g. adamw or sgd:lr=0.1,momentum=0.9; with maximize=yes it climbs; see 'talweg methods optimizer'.")
    private String optimizer;

    @Option(names = "--lr", paramLabel = "RATE", showDefaultValue = Visibility.NEVER,
        description = "Learning rate, e.g. 0.01 (default: the optimizer's).")
    private Float learningRate;

    @Option(names = "--weight-decay", paramLabel = "RATE", showDefaultValue = Visibility.NEVER,
        description = "e.g. 0.01; decoupled for adamw, L2 for adam and sgd (default: the optimizer's).")
    private Float weightDecay;

    @Option(names = "--freeze", paramLabel = "NAMES", split = ",", showDefaultValue = Visibility.NEVER,
        description = "Layers or parameters that stay as they begin, e.g. dense_1 or dense_1.bias,norm*.")
    private List<String> frozen = List.of();

    @Option(names = "--lr-scale", paramLabel = "NAME=FACTOR", split = ",", showDefaultValue = Visibility.NEVER,
        description = "Multiplies the learning rate of layers or parameters, e.g. dense_1=0.1,bias=2.")
    private List<String> rateFactors = List.of();

    @Option(names = "--no-decay", paramLabel = "NAMES", split = ",", showDefaultValue = Visibility.NEVER,
        description = "Layers or parameters without weight decay, e.g. bias; vectors are all biases and norm scales.")
    private List<String> undecayed = List.of();

    @Option(names = "--batch", paramLabel = "ROWS", showDefaultValue = Visibility.NEVER,
        description = "Rows of a step: 1 is stochastic descent, full batch descent (default: 32; for lbfgs full).")
    private String batch;

    @Option(names = "--accumulate", paramLabel = "ROWS", showDefaultValue = Visibility.NEVER,
        description = "Adds up a step's gradients over micro-batches of so many rows, e.g. 64, to save memory.")
    private Integer microBatch;

    @Option(names = "--data-memory", paramLabel = "SIZE", showDefaultValue = Visibility.NEVER,
        description = "Most device memory for rows of data, e.g. 512M; what is larger is streamed, with the same results "
            + "(default: what the device has).")
    private String dataMemory;

    @Option(names = "--clip", paramLabel = "NAME", showDefaultValue = Visibility.NEVER,
        description = "Clips the gradients, e.g. to global norm 1 by 1; several go together; see 'talweg methods clip'.")
    private List<String> clips = List.of();

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
        optimizer();
        groups();
        clip();
        ScaleChoices.ALL.parse(scale);
        if (dataMemory != null) {
            check(dataMemory() > 0, "--data-memory " + dataMemory + ": at least 1 byte is needed");
        }
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
        return optimizer;
    }

    Activation activation() {
        return Activation.parse(activation);
    }

    Precision precision() {
        return precision;
    }

    /** Whether the model is dense layers alone, and a step one pass over its rows. */
    boolean isPlain() {
        return LayerChoices.NORM.parse(norm).isEmpty() && dropout == 0 && !residual && microBatch == null;
    }

    /** Whether rows may have to be streamed. */
    boolean limitsDataMemory() {
        return dataMemory != null;
    }

    boolean trainsEverything() {
        return frozen.isEmpty();
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
            ParameterLayout.of(model.tape(), groups());
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
        Trainer.Builder builder = Trainer.builder(model).loss(loss()).optimizer(optimizer()).clip(clip())
            .parameterGroups(groups()).fusion(fusion);
        if (dataMemory != null) {
            builder.dataMemory(dataMemory());
        }
        return microBatch == null ? builder : builder.microBatch(microBatch);
    }

    private long dataMemory() {
        Matcher size = Pattern.compile("(\\d{1,9})([KMGT]?)").matcher(dataMemory.toUpperCase(Locale.ROOT));
        check(size.matches(), "--data-memory " + dataMemory + ": write a number of bytes, or one with K, M, G or T");
        return Long.parseLong(size.group(1)) << 10 * "_KMGT".indexOf(size.group(2).isEmpty() ? "_" : size.group(2));
    }

    /** The training rows in their batches. */
    DataLoader trainingRows() {
        return DataLoader.of(split.train(), rows()).shuffled(seed);
    }

    Loss loss() {
        return LossChoices.parse(loss, data());
    }

    Optimizer optimizer() {
        StringBuilder text = new StringBuilder(optimizer);
        append(text, "lr", learningRate);
        append(text, "weight_decay", weightDecay);
        return OptimizerChoices.parse(text.toString());
    }

    /** Whether a step takes all rows. */
    boolean isFullBatch() {
        return batch == null ? optimizer() instanceof Lbfgs : batch.equals("full");
    }

    /** The last rule for a parameter counts: those of its own, after what is said of all vectors. */
    private ParameterGroups groups() {
        ParameterGroups groups = ParameterGroups.none();
        for (String name : undecayed) {
            groups = name.equals("vectors") ? groups.decayMatricesOnly() : groups.weightDecay(name, 0);
        }
        for (String text : rateFactors) {
            int equals = text.lastIndexOf('=');
            check(equals > 0, "--lr-scale " + text + ": write a name and a factor, as dense_1=0.1");
            try {
                groups = groups.learningRate(text.substring(0, equals), Float.parseFloat(text.substring(equals + 1)));
            } catch (NumberFormatException e) {
                throw new IllegalArgumentException("--lr-scale " + text + ": '" + text.substring(equals + 1)
                    + "' is no number; write dense_1=0.1", e);
            }
        }
        for (String name : frozen) {
            groups = groups.freeze(name);
        }
        return groups;
    }

    private static void append(StringBuilder text, String key, Float value) {
        if (value != null) {
            text.append(text.indexOf(":") < 0 ? ':' : ',').append(key).append('=').append(value);
        }
    }

    private Clip clip() {
        return clips.stream().map(ClipChoices::parse).reduce(Clip::and).orElse(Clip.none());
    }

    private int rows() {
        return isFullBatch() ? split.train().rows() : batchRows();
    }

    /** Rows of a step that does not take all. */
    int batchRows() {
        check(!(optimizer() instanceof Lbfgs), "--batch " + batch + ": lbfgs needs the loss of all rows at each step; "
            + "write --batch full, or leave it out");
        if (batch == null) {
            return ROWS;
        }
        try {
            int rows = Integer.parseInt(batch);
            check(rows >= 1, "--batch " + batch + ": a step needs at least 1 row");
            return rows;
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("--batch " + batch + ": write a number of rows, or full", e);
        }
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
