package org.talweg.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.talweg.files.WholeFile;

/** What a benchmark found, as Markdown, printed while it comes, and as JSON. Both are written in the end, each whole. */
final class Findings {
    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

    private final Map<String, Object> json = new LinkedHashMap<>();
    private final StringBuilder markdown = new StringBuilder();

    void put(String name, Object value) {
        json.put(name, value);
    }

    /** A new list of results under this name. */
    List<Map<String, Object>> list(String name) {
        List<Map<String, Object>> list = new ArrayList<>();
        json.put(name, list);
        return list;
    }

    void say(String format, Object... values) {
        String line = values.length == 0 ? format : String.format(Locale.ROOT, format, values);
        System.out.println(line);
        markdown.append(line).append('\n');
    }

    void write(Path folder, String name) throws IOException {
        Files.createDirectories(folder);
        WholeFile.write(folder.resolve(name + ".json"), JSON.writeValueAsString(json));
        WholeFile.write(folder.resolve(name + ".md"), markdown.toString());
    }
}
