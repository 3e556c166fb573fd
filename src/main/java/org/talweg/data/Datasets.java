package org.talweg.data;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.talweg.tensor.Shape;

/** Where data sets come from. */
public final class Datasets {
    private static final List<String> BUILT_IN = List.of("digits", "breast_cancer", "diabetes", "iris");

    /** Name of data sets that come from no file. */
    private static final String ARRAYS = "arrays";

    private Datasets() {
    }

    /** Names for {@link #builtIn}. */
    public static List<String> builtInNames() {
        return BUILT_IN;
    }

    /**
     * A data set from the jar: {@code digits}, {@code breast_cancer}, {@code diabetes} or {@code iris}. Sources and
     * licences are in the README beside them.
     *
     * @throws IllegalArgumentException if there is none of this name
     */
    public static Dataset builtIn(String name) {
        try {
            return builtInTable(name).load();
        } catch (IOException e) {
            throw new UncheckedIOException("data set " + name + " inside the jar cannot be read", e);
        }
    }

    static CsvSource builtInTable(String name) {
        return switch (name) {
            case "digits" -> resource(name, "digits.csv.gz").label("digit").rowShape(Shape.of(8, 8));
            case "breast_cancer" -> resource(name, "breast_cancer.csv").label("diagnosis");
            case "diabetes" -> resource(name, "diabetes.csv").target("progression").task(Task.REGRESSION);
            case "iris" -> resource(name, "iris.csv").label("species");
            default -> throw new IllegalArgumentException("no data set '" + name + "' is built in; there are "
                + String.join(", ", BUILT_IN));
        };
    }

    /**
     * Whatever a name stands for, as on the command line: a built-in data set, a file of a kind that its ending tells, or a
     * folder of IDX files.
     *
     * @throws IOException              if it cannot be read
     * @throws IllegalArgumentException if it is none of these, or not what the options say
     */
    public static Loaded open(String source, SourceOptions options) throws IOException {
        return Source.open(source, options);
    }

    /**
     * The arrays of a file or folder of a kind that holds arrays; empty if its name is not of one.
     *
     * @throws IOException if it cannot be read
     */
    public static Optional<ArraySource> arrays(Path path) throws IOException {
        return Source.arrays(path.toString());
    }

    /** A table of text in a file, compressed if its name ends in {@code .gz}. */
    public static CsvSource csv(Path path) {
        return new CsvSource(path.getFileName().toString(),
            () -> reader(Files.newInputStream(path), path.toString().endsWith(".gz")));
    }

    /**
     * An array of NumPy, mapped into memory: a table of features and a target.
     *
     * @throws IOException if it cannot be read, or is not of this format
     */
    public static ArraySource npy(Path path) throws IOException {
        return new ArraySource(path.getFileName().toString(), Map.of("", Npy.npy(path)));
    }

    /**
     * Arrays of NumPy by name: those of {@code numpy.savez} are mapped into memory where they lie, those of
     * {@code numpy.savez_compressed} are unpacked, large ones into a temporary file that is mapped.
     *
     * @throws IOException if it cannot be read, or is not of this format
     */
    public static ArraySource npz(Path path) throws IOException {
        return new ArraySource(path.getFileName().toString(), Npy.npz(path));
    }

    /**
     * Arrays by name, mapped into memory.
     *
     * @throws IOException if it cannot be read, or is not of this format
     */
    public static ArraySource safetensors(Path path) throws IOException {
        return new ArraySource(path.getFileName().toString(), Safetensors.arrays(path));
    }

    /**
     * A folder of IDX files with their usual names, as MNIST has them: {@code train-images-idx3-ubyte},
     * {@code train-labels-idx1-ubyte}, and {@code t10k-…} for the test; plain files are mapped into memory, those in
     * {@code .gz} unpacked.
     *
     * @throws IOException if they are not there, cannot be read, or are not of this format
     */
    public static ArraySource idx(Path folder) throws IOException {
        Path name = folder.toAbsolutePath().normalize().getFileName();
        return new ArraySource(name == null ? "idx" : name.toString(), Idx.folder(folder));
    }

    /**
     * Rows of Java arrays with a class each, called 0, 1, and so on.
     *
     * @throws IllegalArgumentException if rows differ in length, a value is not finite, or there are not as many labels
     */
    public static Dataset classification(float[][] features, int[] labels) {
        int classes = Math.max(2, IntStream.of(labels).max().orElse(0) + 1);
        return Dataset.classification(ARRAYS, names(features), flat(features), "label", labels.clone(),
            IntStream.range(0, classes).mapToObj(String::valueOf).toList());
    }

    /**
     * Rows of Java arrays with one or more numbers each to predict.
     *
     * @throws IllegalArgumentException if rows differ in length, or a value is not finite
     */
    public static Dataset regression(float[][] features, float[]... targets) {
        List<String> targetNames = targets.length == 0 || targets[0].length == 1 ? List.of("y")
            : IntStream.range(0, targets[0].length).mapToObj(i -> "y" + i).toList();
        return Dataset.regression(ARRAYS, names(features), flat(features), targetNames, flat(targets));
    }

    /**
     * Objects of any kind with a class each.
     *
     * @param features of an object, as many of each
     * @param label    an object's class, by name; classes are numbered in the order of their names
     * @throws IllegalArgumentException if there are none, their features differ in number, or a value is not finite
     */
    public static <T> Dataset classification(Stream<T> objects, Function<? super T, float[]> features,
                                             Function<? super T, String> label) {
        List<float[]> rows = new ArrayList<>();
        List<String> labels = new ArrayList<>();
        objects.forEachOrdered(object -> {
            rows.add(features.apply(object));
            labels.add(label.apply(object));
        });
        List<String> classes = labels.stream().distinct().sorted().toList();
        float[][] values = rows.toArray(float[][]::new);
        return Dataset.classification(ARRAYS, names(values), flat(values), "label",
            labels.stream().mapToInt(name -> Collections.binarySearch(classes, name)).toArray(), classes);
    }

    /**
     * Objects of any kind with a number each to predict.
     *
     * @throws IllegalArgumentException if there are none, their features differ in number, or a value is not finite
     */
    public static <T> Dataset regression(Stream<T> objects, Function<? super T, float[]> features,
                                         ToDoubleFunction<? super T> target) {
        List<float[]> rows = new ArrayList<>();
        List<float[]> targets = new ArrayList<>();
        objects.forEachOrdered(object -> {
            rows.add(features.apply(object));
            targets.add(new float[] {(float) target.applyAsDouble(object)});
        });
        return regression(rows.toArray(float[][]::new), targets.toArray(float[][]::new));
    }

    private static List<String> names(float[][] rows) {
        if (rows.length == 0 || rows[0].length == 0) {
            throw new IllegalArgumentException("no rows, or rows of no features");
        }
        return IntStream.range(0, rows[0].length).mapToObj(i -> "x" + i).toList();
    }

    private static float[] flat(float[][] rows) {
        int columns = rows.length == 0 ? 0 : rows[0].length;
        float[] flat = new float[Math.multiplyExact(rows.length, columns)];
        for (int row = 0; row < rows.length; row++) {
            if (rows[row].length != columns) {
                throw new IllegalArgumentException("row " + row + " has " + rows[row].length + " numbers, the first one "
                    + columns);
            }
            for (int column = 0; column < columns; column++) {
                if (!Float.isFinite(rows[row][column])) {
                    throw new IllegalArgumentException("row " + row + ", number " + column + " is " + rows[row][column]
                        + "; it must be finite");
                }
                flat[row * columns + column] = rows[row][column];
            }
        }
        return flat;
    }

    private static CsvSource resource(String name, String file) {
        return new CsvSource(name, () -> {
            InputStream stream = Datasets.class.getResourceAsStream(file);
            if (stream == null) {
                throw new IOException(file + " is missing beside " + Datasets.class.getName());
            }
            return reader(stream, file.endsWith(".gz"));
        });
    }

    private static Reader reader(InputStream stream, boolean compressed) throws IOException {
        InputStream buffered = new BufferedInputStream(stream);
        return new InputStreamReader(compressed ? new GZIPInputStream(buffered) : buffered, StandardCharsets.UTF_8);
    }
}
