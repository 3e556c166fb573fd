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
import java.util.List;
import java.util.zip.GZIPInputStream;

/** Where data sets come from. */
public final class Datasets {
    private static final List<String> BUILT_IN = List.of("digits", "breast_cancer", "diabetes", "iris");

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
            return switch (name) {
                case "digits" -> resource(name, "digits.csv.gz").label("digit").load();
                case "breast_cancer" -> resource(name, "breast_cancer.csv").label("diagnosis").load();
                case "diabetes" -> resource(name, "diabetes.csv").target("progression").load();
                case "iris" -> resource(name, "iris.csv").label("species").load();
                default -> throw new IllegalArgumentException("no data set '" + name + "' is built in; there are "
                    + String.join(", ", BUILT_IN));
            };
        } catch (IOException e) {
            throw new UncheckedIOException("data set " + name + " inside the jar cannot be read", e);
        }
    }

    /** A table in a file with a header line, compressed if its name ends in {@code .gz}; say what to predict. */
    public static CsvSource csv(Path path) {
        return new CsvSource(path.getFileName().toString(),
            () -> reader(Files.newInputStream(path), path.toString().endsWith(".gz")));
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
