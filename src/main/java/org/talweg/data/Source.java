package org.talweg.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** What the name of a source stands for: decided here and nowhere else. */
final class Source {
    private static final List<Format> FORMATS = List.of(
        new Format("a built-in data set (" + String.join(", ", Datasets.builtInNames()) + ")",
            Datasets.builtInNames()::contains, (name, options) -> table(Datasets.builtInTable(name), options), null),
        arrays("a folder of IDX files as MNIST has them", name -> Files.isDirectory(Path.of(name)), Datasets::idx),
        new Format("a table (.csv, .tsv, .txt or .data, also with .gz)", ending("csv", "tsv", "txt", "data", "csv.gz",
            "tsv.gz", "txt.gz", "data.gz"), (name, options) -> table(Datasets.csv(Path.of(name)), options), null),
        arrays("arrays of NumPy (.npz)", ending("npz"), Datasets::npz),
        arrays("an array of NumPy (.npy)", ending("npy"), Datasets::npy),
        arrays("arrays as safetensors (.safetensors)", ending("safetensors"), Datasets::safetensors));

    private Source() {
    }

    private interface Opening {
        Loaded open(String name, SourceOptions options) throws IOException;
    }

    private interface Arrays {
        ArraySource of(Path path) throws IOException;
    }

    /** @param arrays null for a table */
    private record Format(String description, Predicate<String> isOne, Opening opening, Arrays arrays) {
    }

    private static Format arrays(String description, Predicate<String> isOne, Arrays arrays) {
        return new Format(description, isOne, (name, options) -> arrays(arrays.of(Path.of(name)), name, options), arrays);
    }

    static Optional<ArraySource> arrays(String source) throws IOException {
        for (Format format : FORMATS) {
            if (format.arrays != null && format.isOne.test(source)) {
                return Optional.of(format.arrays.of(Path.of(source)));
            }
        }
        return Optional.empty();
    }

    static Loaded open(String source, SourceOptions options) throws IOException {
        for (Format format : FORMATS) {
            if (format.isOne.test(source)) {
                if (!Datasets.builtInNames().contains(source) && !Files.exists(Path.of(source))) {
                    throw new IOException("there is no file " + source);
                }
                return format.opening.open(source, options);
            }
        }
        throw new IllegalArgumentException(source + (Files.exists(Path.of(source)) ? " is a file of a kind that is not read"
            : " is neither a built-in data set nor a file or folder") + "; a source is "
            + FORMATS.stream().map(Format::description).collect(Collectors.joining(", or ")));
    }

    private static Predicate<String> ending(String... endings) {
        return name -> List.of(endings).stream().anyMatch(end -> name.toLowerCase(Locale.ROOT).endsWith("." + end));
    }

    private static Loaded table(CsvSource table, SourceOptions options) throws IOException {
        if (options.target() != null) {
            table.target(options.target()).task(Task.AUTO);
        }
        if (options.task() != Task.AUTO) {
            table.task(options.task());
        }
        if (options.header() != null) {
            table.header(options.header());
        }
        if (options.separator() != null) {
            table.separator(options.separator());
        }
        return Loaded.of(table.missing(options.missing()).encoding(options.encoding())
            .features(options.features().toArray(String[]::new)).without(options.without().toArray(String[]::new))
            .categorical(options.categorical().toArray(String[]::new)).categories(options.categories()).load());
    }

    private static Loaded arrays(ArraySource arrays, String name, SourceOptions options) {
        if (options.header() != null || options.separator() != null || !options.without().isEmpty()
            || !options.categorical().isEmpty() || options.encoding() != Encoding.ONE_HOT) {
            throw new IllegalArgumentException(name + " holds arrays; header, separator, categories and columns to leave out "
                + "are settings of tables");
        }
        if (options.features().size() > 1) {
            throw new IllegalArgumentException(name + " holds arrays; features are one of them, not "
                + options.features());
        }
        options.features().forEach(arrays::features);
        return arrays.target(options.target()).task(options.task()).missing(options.missing()).loadAll();
    }
}
