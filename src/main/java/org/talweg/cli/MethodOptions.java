package org.talweg.cli;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.talweg.optim.Clip;
import org.talweg.optim.Lbfgs;
import org.talweg.optim.Optimizer;
import org.talweg.optim.ParameterGroups;
import org.talweg.train.Trainer;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Option;

/** How a step is made and of which rows: optimizer, parameter groups, batches and clipping. */
final class MethodOptions {
    private static final int ROWS = 32;

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

    /** @throws IllegalArgumentException saying which option is wrong, and how */
    void check() {
        optimizer();
        groups();
        clip();
        if (dataMemory != null) {
            Experiment.check(dataMemory() > 0, "--data-memory " + dataMemory + ": at least 1 byte is needed");
        }
    }

    Trainer.Builder addTo(Trainer.Builder builder) {
        builder.optimizer(optimizer()).clip(clip()).parameterGroups(groups());
        if (dataMemory != null) {
            builder.dataMemory(dataMemory());
        }
        return microBatch == null ? builder : builder.microBatch(microBatch);
    }

    String optimizerText() {
        return optimizer;
    }

    boolean accumulates() {
        return microBatch != null;
    }

    boolean limitsDataMemory() {
        return dataMemory != null;
    }

    boolean trainsEverything() {
        return frozen.isEmpty();
    }

    private long dataMemory() {
        Matcher size = Pattern.compile("(\\d{1,9})([KMGT]?)").matcher(dataMemory.toUpperCase(Locale.ROOT));
        Experiment.check(size.matches(), "--data-memory " + dataMemory + ": write a number of bytes, or one with K, M, G or T");
        return Long.parseLong(size.group(1)) << 10 * "_KMGT".indexOf(size.group(2).isEmpty() ? "_" : size.group(2));
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
    ParameterGroups groups() {
        ParameterGroups groups = ParameterGroups.none();
        for (String name : undecayed) {
            groups = name.equals("vectors") ? groups.decayMatricesOnly() : groups.weightDecay(name, 0);
        }
        for (String text : rateFactors) {
            int equals = text.lastIndexOf('=');
            Experiment.check(equals > 0, "--lr-scale " + text + ": write a name and a factor, as dense_1=0.1");
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

    /** Rows of a step that does not take all. */
    int batchRows() {
        Experiment.check(!(optimizer() instanceof Lbfgs), "--batch " + batch + ": lbfgs needs the loss of all rows at each step; "
            + "write --batch full, or leave it out");
        if (batch == null) {
            return ROWS;
        }
        try {
            int rows = Integer.parseInt(batch);
            Experiment.check(rows >= 1, "--batch " + batch + ": a step needs at least 1 row");
            return rows;
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("--batch " + batch + ": write a number of rows, or full", e);
        }
    }
}
