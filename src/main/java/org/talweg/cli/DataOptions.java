package org.talweg.cli;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.talweg.data.Dataset;
import org.talweg.data.Datasets;
import org.talweg.data.Encoding;
import org.talweg.data.Loaded;
import org.talweg.data.Missing;
import org.talweg.data.Scaler;
import org.talweg.data.SourceOptions;
import org.talweg.data.Split;
import org.talweg.data.Task;
import org.talweg.tensor.Shape;
import picocli.CommandLine.Help.Visibility;
import picocli.CommandLine.Option;

/** How to read a source and how to split it: the options that every command which takes data has. */
final class DataOptions {
    /** What a source is, for the help of the parameter that names one. */
    static final String SOURCE = "A built-in data set (digits, breast_cancer, diabetes, iris), a file (.csv, .tsv, .npz, .npy, "
        + ".safetensors) or a folder of IDX files as MNIST has them.";
    private static final double SHARE = 0.15;

    /** What becomes of missing values. */
    enum Gaps { ERROR, DROP, MEAN, MEDIAN, ZERO }

    @Option(names = "--target", paramLabel = "NAME", showDefaultValue = Visibility.NEVER,
        description = "Column or array to predict, by name, or a column by number from 0, or from the end as -1, e.g. price "
            + "(default: the usual names, else the last column).")
    private String target;

    @Option(names = "--features", paramLabel = "NAMES", split = ",", showDefaultValue = Visibility.NEVER,
        description = "Columns or array to learn from, e.g. age,income (default: all but the target).")
    private List<String> features = List.of();

    @Option(names = "--without", paramLabel = "NAMES", split = ",", showDefaultValue = Visibility.NEVER,
        description = "Columns to leave out, e.g. id,name.")
    private List<String> without = List.of();

    @Option(names = "--task", paramLabel = "NAME", defaultValue = "auto",
        description = "classification, regression, or auto: classes where targets are words or a few whole numbers.")
    private Task task;

    @Option(names = "--missing", paramLabel = "NAME", defaultValue = "error",
        description = "Of empty cells, NA and NaN: error, drop the row, or fill in the mean, median or zero, e.g. mean, of "
            + "the training rows.")
    private Gaps missing;

    @Option(names = "--encode", paramLabel = "NAME", defaultValue = "one_hot",
        description = "Columns of words: one_hot, a feature for each word; index, their number; or none, an error.")
    private Encoding encode;

    @Option(names = "--categorical", paramLabel = "NAMES", split = ",", showDefaultValue = Visibility.NEVER,
        description = "Columns whose numbers are as good as words, e.g. zip.")
    private List<String> categorical = List.of();

    @Option(names = "--header", negatable = true, showDefaultValue = Visibility.NEVER,
        description = "Whether a table begins with the names of its columns (default: its first line tells).")
    private Boolean header;

    @Option(names = "--separator", paramLabel = "CHAR", showDefaultValue = Visibility.NEVER,
        description = "Between a table's cells, e.g. ; or tab (default: its first line tells).")
    private String separator;

    @Option(names = "--image", paramLabel = "SHAPE", showDefaultValue = Visibility.NEVER,
        description = "The features are the pixels of an image of this height and width, e.g. 28x28, or 32x32x3 with "
            + "colours; the report shows them so (default: what the source says).")
    private String image;

    @Option(names = "--validation", paramLabel = "SHARE", defaultValue = "" + SHARE,
        description = "Of the rows, to choose the best epoch by, e.g. 0.1.")
    private double validation = SHARE;

    @Option(names = "--test", paramLabel = "SHARE", showDefaultValue = Visibility.NEVER,
        description = "Of the rows, to test with in the end, e.g. 0.2 (default: " + SHARE + ", or the source's own test rows).")
    private Double test;

    /** Of cross-validation; 0 without. */
    private int folds;

    /** The one that is set apart, from 0 on. */
    private int fold;

    /** From now on the split is one of cross-validation: this fold is the test part. */
    void fold(int number, int of) {
        Experiment.check(test == null, "--test " + test + ": with --folds each fold is the test part once");
        Experiment.check(of >= 2, "--folds " + of + ": at least 2 are needed");
        fold = number;
        folds = of;
    }

    /**
     * @throws IOException              if the source cannot be read
     * @throws IllegalArgumentException if it is no source, or not what the options say
     */
    Loaded load(String source) throws IOException {
        Experiment.check(validation > 0 && validation < 1, "--validation " + validation
            + ": a share is above 0 and below 1");
        Experiment.check(test == null || test > 0 && test < 1, "--test " + test + ": a share is above 0 and below 1");
        Experiment.check(validation + (test == null ? 0 : test) < 1, "--validation " + validation + " and --test " + test
            + " leave nothing to train on");
        Loaded loaded = shaped(Datasets.open(source, new SourceOptions(target, features, without, categorical, task, reading(),
            encode, header, separator(), Map.of())));
        Experiment.check(test == null || !loaded.hasTest(), "--test " + test + ": " + source
            + " has test rows of its own");
        return loaded;
    }

    /** All rows of another source, with targets and words that mean what they mean in {@code trained}. */
    Dataset load(String source, Dataset trained) throws IOException {
        return Datasets.open(source, new SourceOptions(target, features, without, categorical,
            trained.isClassification() ? Task.CLASSIFICATION : Task.REGRESSION, reading(), encode, header, separator(),
            trained.categories())).rows();
    }

    private Loaded shaped(Loaded loaded) {
        if (image == null) {
            return loaded;
        }
        Experiment.check(image.matches("[1-9]\\d{0,4}(x[1-9]\\d{0,4}){1,2}"), "--image " + image
            + ": write height and width, as 28x28, and the number of colours if there are some, as 32x32x3");
        Shape shape = Shape.of(Arrays.stream(image.split("x")).mapToInt(Integer::parseInt).toArray());
        Experiment.check(shape.elements() == loaded.rows().columns(), "--image " + image + " are " + shape.elements()
            + " pixels, and " + loaded.rows().name() + " has " + loaded.rows().columns() + " features");
        return new Loaded(loaded.rows().withRowShape(shape), loaded.hasTest() ? loaded.test().withRowShape(shape) : null);
    }

    private Missing reading() {
        return switch (missing) {
            case ERROR -> Missing.ERROR;
            case DROP -> Missing.DROP;
            default -> Missing.FILL;
        };
    }

    private Character separator() {
        if (separator == null) {
            return null;
        }
        String text = separator.toLowerCase(Locale.ROOT).equals("tab") || separator.equals("\\t") ? "\t" : separator;
        Experiment.check(text.length() == 1 && !"\"\r\n".contains(text), "--separator " + separator
            + ": write one character other than a quote, or tab");
        return text.charAt(0);
    }

    /** The same scaling, or none, which also fills missing values if they are to be filled. */
    Optional<Scaler.Method> filling(Optional<Scaler.Method> scaling) {
        return switch (missing) {
            case ERROR, DROP -> scaling;
            default -> Optional.of(scaling.orElse(Scaler.none()).filling(Scaler.Fill.valueOf(missing.name())));
        };
    }

    /** The rows of a run, which other commands find again by its seed. */
    Split split(Loaded loaded, long seed) {
        Dataset shuffled = loaded.rows().shuffle(seed);
        Split split;
        if (folds > 0) {
            Split around = shuffled.folds(folds).get(fold);
            Split rest = around.train().split(1 - validation, validation);
            split = new Split(rest.train(), rest.validation(), around.validation());
        } else if (loaded.hasTest()) {
            Split rest = shuffled.split(1 - validation, validation);
            split = new Split(rest.train(), rest.validation(), loaded.test());
        } else {
            split = shuffled.split(1 - validation - (test == null ? SHARE : test), validation);
        }
        Experiment.check(split.validation().rows() > 0 && split.test().rows() > 0, shuffled.name() + " has "
            + shuffled.rows() + " rows, too few to set some apart for validation and test; raise --validation and --test");
        return split;
    }
}
